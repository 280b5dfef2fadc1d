//! Who leads connections elsewhere on this host, for a person who asks before there is a target:
//! in the calling thread's network namespace, and on every cgroup.

use super::{nft, programs, xtables};
use crate::sys::cgroup;
use crate::sys::redirect::others::rules::{Act, Chain, Table};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

/// Cgroups looked at; a host with more has the programs that matter near the root.
const GROUPS_MAX: usize = 4_096;

/// One line for each of them; Squall's own are left out.
///
/// # Errors
/// When the kernel does not say.
pub(in crate::sys) fn here() -> io::Result<Vec<String>> {
    let mut found: Vec<String> =
        xtables::tables()?.iter().chain(&nft::tables()?).flat_map(leading).collect();
    let netns = File::open("/proc/thread-self/ns/net")?;
    let lookups = programs::lookups(&netns)?.into_iter();
    found.extend(lookups.map(|program| format!("program {}, on this namespace", program.name)));
    for group in groups()? {
        // A group that went meanwhile leads nobody anywhere.
        let programs = programs::connects(&group, true).unwrap_or_default().into_iter();
        let shown = group.display();
        found.extend(programs.map(|program| format!("program {}, on {shown}", program.name)));
    }
    Ok(found)
}

fn leading(table: &Table) -> Vec<String> {
    let leads = |chain: &&Chain| {
        chain.rules.iter().any(|rule| matches!(rule.act, Act::Redirect | Act::Tproxy))
    };
    let chains = table.chains.iter().filter(leads);
    chains.map(|chain| format!("packet rules of {}, chain {}", table.name, chain.name)).collect()
}

/// Every group of the second version's tree, from its root.
fn groups() -> io::Result<Vec<PathBuf>> {
    let trees = cgroup::trees()?.into_iter().filter(|tree| tree.v2);
    let mut found: Vec<PathBuf> = trees.map(|tree| tree.mount).take(1).collect();
    let mut at = 0;
    while at < found.len() && found.len() < GROUPS_MAX {
        let below = fs::read_dir(&found[at]).into_iter().flatten().flatten();
        let folders = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(folders.map(|entry| entry.path()));
        at += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::redirect::others::rules::Rule;

    #[test]
    fn a_chain_that_leads_nobody_anywhere_is_not_named() {
        let chain = |name: &str, act| Chain {
            name: name.to_owned(),
            rules: vec![Rule { act: Act::End, ..Rule::default() }, Rule { act, ..Rule::default() }],
            ..Chain::default()
        };
        let chains = vec![
            chain("OUTPUT", Act::Jump("MESH".to_owned())),
            chain("MESH", Act::Redirect),
            chain("DIVERT", Act::Tproxy),
        ];
        let table = Table { name: "ip nat".to_owned(), family: Some(4), chains };
        assert_eq!(
            leading(&table),
            ["packet rules of ip nat, chain MESH", "packet rules of ip nat, chain DIVERT"]
        );
    }
}
