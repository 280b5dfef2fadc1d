//! Reads the host's state, and who else has faults on this host: other agents say so in their
//! journals, which are open as long as they live.

use super::Input;
use crate::core::{Client, Event};
use crate::journal::JOURNAL_BYTES_MAX;
use squall_faults::sys::fingerprint::{beside, other_agents};
use squall_faults::sys::process;
use squall_wire::journal::replay;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::sync::mpsc::Sender;
use std::thread::Builder;

/// On a thread of its own: reading a host's state takes some milliseconds and is rare.
pub(super) fn begin(events: &Sender<Input>, client: Client, call: u64, pids: Vec<u32>) {
    let events = events.clone();
    let read = move || {
        // Once for all: reading every process of a host is most of this.
        let all = process::all();
        let agents = other_agents(&all);
        let before = runs(&agents);
        let mut fingerprint = beside(&all, &agents, &pids);
        // A receipt is older than what it undoes and is closed after it: whatever was read has
        // one at one of these two moments, unless it came and went in between.
        fingerprint.runs = before.into_iter().chain(runs(&agents)).collect();
        let _ = events.send(Event::Fingerprinted { client, call, fingerprint }.into());
    };
    let _ = Builder::new().name("fingerprint".into()).spawn(read);
}

/// The runs that have a receipt open in the journal of one of these agents.
fn runs(agents: &[u32]) -> BTreeSet<String> {
    let open = |pid: &u32| {
        let found = replay(&journal(*pid).unwrap_or_default()).open;
        found.into_iter().map(|receipt| receipt.run)
    };
    agents.iter().flat_map(open).collect()
}

/// The journal that an agent has open, wherever it is.
fn journal(pid: u32) -> Option<Vec<u8>> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let is_journal = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|path| path.ends_with("journal"))
    };
    let file = File::open(open.into_iter().find(is_journal)?.path()).ok()?;
    let mut bytes = Vec::new();
    file.take(JOURNAL_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
