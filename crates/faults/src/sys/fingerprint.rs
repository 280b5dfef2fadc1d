//! A host's state as sorted facts: everything a fault could leave behind, and nothing that
//! changes by itself.
//!
//! Network facts are read in the first namespace and in those of the given processes; limits
//! only on the given processes' own groups. What carries Squall's mark is read everywhere.

mod groups;
mod host;
mod network;
mod others;
mod own;
mod processes;
mod programs;

use crate::sys::cgroup::Group;
use crate::sys::inprocess;
use crate::sys::netns::Netns;
use crate::sys::process::{self, Stat};
use crate::sys::spread;
use others::Held;
use squall_wire::fingerprint::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub use others::other_agents;

/// Processes looked at in one call; any radius is far below it.
const PIDS_MAX: usize = 256;
/// Facts of one category; a host with more routes than this proves nothing by listing them.
const FACTS_MAX: usize = 4_096;

/// The facts of one category, or why it could not be read.
type Facts = io::Result<Vec<String>>;
/// Its name, and what was read of it.
type Named = (&'static str, Facts);

/// Reads the host's state around these processes.
pub fn fingerprint(pids: &[u32]) -> Fingerprint {
    beside(&process::all(), &[], pids)
}

/// The same with all processes read already, and without the BPF objects that these other agents
/// have in their hands.
pub fn beside(all: &[(u32, Stat)], agents: &[u32], pids: &[u32]) -> Fingerprint {
    let pids: Vec<u32> = pids.iter().copied().take(PIDS_MAX).filter(|pid| is_alive(*pid)).collect();
    let pids = pids.as_slice();
    let spaces = namespaces(pids);
    let groups = groups::of(pids);
    let (here, there) = spread::both(
        || of_squall(all, agents, pids, (&spaces.keys().copied().collect(), &groups)),
        || of_host(pids, &spaces, &groups),
    );
    let mut out = Fingerprint::default();
    for (category, facts) in here.into_iter().chain(there) {
        put(&mut out, category, facts);
    }
    out
}

/// What only Squall has, and the processes.
fn of_squall(
    all: &[(u32, Stat)],
    agents: &[u32],
    pids: &[u32],
    (spaces, groups): (&BTreeSet<u64>, &[Group]),
) -> Vec<Named> {
    let (stopped, own) = processes::stopped_and_own(all, pids);
    let ours = own::processes(all);
    vec![
        ("bpf links", programs::links(spaces, groups, agents)),
        ("bpf programs", programs::loaded(agents)),
        ("bpf pins", programs::pins()),
        ("stopped processes", Ok(stopped)),
        ("squall processes", Ok(own)),
        ("process limits", Ok(processes::limits(pids))),
        ("traced processes", Ok(processes::traced(pids))),
        // Only the agent that armed them can tell; the processes end them when it is gone.
        ("faults in processes", Ok(inprocess::armed())),
        ("squall sockets", own::sockets(pids, &ours)),
        ("disk held by squall", own::held_files(&ours)),
        ("squall files", own::named_files(pids)),
        ("places of processes", Ok(own::places(pids))),
    ]
}

/// What any program of the host may have made.
fn of_host(pids: &[u32], spaces: &BTreeMap<u64, Netns>, groups: &[Group]) -> Vec<Named> {
    let mut out = vec![
        ("cgroup limits", groups::limits(groups)),
        ("cgroups", groups::children(groups)),
        ("frozen cgroups", groups::frozen(groups)),
        ("mounts", host::mounts(pids)),
        ("resolver files", host::resolver(pids)),
        ("sysctls", host::sysctls()),
        ("named namespaces", host::named_namespaces()),
    ];
    out.extend(network::facts(spaces));
    out
}

/// The BPF links in the way of these processes, whoever made them, and Squall's anywhere: quickly
/// read, for whoever waits for their end.
///
/// # Errors
/// When the kernel's list cannot be read.
pub fn links(pids: &[u32]) -> io::Result<Vec<String>> {
    let inodes = namespaces(pids).keys().copied().collect();
    programs::links(&inodes, &groups::of(pids), &[])
}

/// A dead process that nobody has reaped yet is moved to the root of its cgroup trees; what is
/// there is not its own.
fn is_alive(pid: u32) -> bool {
    process::stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// The first namespace and those of the processes, each once. One that ended meanwhile has
/// nothing left to be read.
fn namespaces(pids: &[u32]) -> BTreeMap<u64, Netns> {
    let own = std::process::id();
    let all = pids.iter().copied().chain([1, own]);
    all.filter_map(|pid| Netns::seen(pid).ok()).map(|netns| (netns.inode(), netns)).collect()
}

fn put(out: &mut Fingerprint, category: &str, facts: Facts) {
    match facts {
        Ok(facts) if facts.len() <= FACTS_MAX => {
            out.facts.insert(category.to_owned(), counted(facts));
        }
        Ok(facts) => {
            let why = format!("{} facts are more than {FACTS_MAX}", facts.len());
            out.unread.insert(category.to_owned(), why);
        }
        Err(error) => {
            out.unread.insert(category.to_owned(), error.to_string());
        }
    }
}

/// Two equal facts are another state than one.
fn counted(facts: Vec<String>) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for fact in facts {
        *counts.entry(fact).or_default() += 1;
    }
    let print = |(fact, count): (String, u32)| match count {
        1 => fact,
        _ => format!("{fact} \u{d7}{count}"),
    };
    counts.into_iter().map(print).collect()
}

/// FNV-1a: two contents are told apart without keeping either.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_facts_are_counted() {
        let facts = ["b", "a", "b"].map(str::to_owned).to_vec();
        let expected: BTreeSet<_> = ["a".to_owned(), "b ×2".to_owned()].into();
        assert_eq!(counted(facts), expected);
    }

    #[test]
    fn too_many_facts_are_unread() {
        let mut out = Fingerprint::default();
        put(&mut out, "x", Ok(vec![String::new(); FACTS_MAX + 1]));
        assert_eq!(out.unread["x"], "4097 facts are more than 4096");
        assert!(out.facts.is_empty());
    }
}
