//! The process beside the agent: when the agent dies or hangs, it undoes what is open.
//!
//! It knows nothing of runs or faults in progress; it reads receipts. Its standard input is one
//! end of a socket pair: end-of-file there, or the agent's process descriptor becoming readable,
//! means the agent is dead. Deadlines that the agent sends and then neither moves nor withdraws
//! mean it hangs: then it is killed first, so that the two never act at the same time.

pub mod guard;
pub mod replacement;
pub mod replay;

use crate::journal::{Journal, JournalError};
use crate::restore::restore;
use guard::{Guard, Look};
use replay::{AGAIN_NS, RESTORE_NS_MAX, Replay, Step};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use squall_faults::sys::{clock, process};
use squall_wire::receipt::Receipt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// How long it waits for the journal of a dead agent. Whoever else has it by then undoes itself.
pub const LOCK_NS_MAX: u64 = 2 * 1_000_000_000;
/// What lists of processes call it.
const NAME: &str = "squall-watchdog";
/// The first line the watchdog sends: from here on it keeps guard.
pub(crate) const READY: &[u8] = b"ready\n";

/// Runs the watchdog of the parent process, whose pid is `agent_pid`, with the link to it as
/// standard input. Returns the exit code.
pub fn main(state_dir: &Path, agent_pid: u32) -> u8 {
    process::call_itself(NAME);
    crate::shell::signals::ignore_ends();
    // A session of its own: a closed terminal or a signal to the group must not reach it.
    let _ = rustix::process::setsid();
    let link = io::stdin();
    let agent = open_parent(agent_pid);
    let _ = rustix::io::write(link.as_fd(), READY);
    keep_guard(link.as_fd(), agent);
    restore_all(state_dir)
}

/// Opens the agent, unless it died already and another process is the parent now.
fn open_parent(agent_pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(agent_pid).ok()?)?;
    let agent = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    (rustix::process::getppid() == Some(pid)).then_some(agent)
}

/// Returns once the agent is dead, by itself or killed because it hung.
fn keep_guard(link: BorrowedFd<'_>, agent: Option<OwnedFd>) {
    let mut guard = Guard::default();
    loop {
        let Look::Wait(wait) = guard.look(clock::boottime_ns(), clock::monotonic_ns()) else {
            return kill(agent.as_ref());
        };
        let mut ends = vec![PollFd::new(&link, PollFlags::IN)];
        ends.extend(agent.as_ref().map(|agent| PollFd::new(agent, PollFlags::IN)));
        if poll(&mut ends, wait.map(timespec).as_ref()).is_err() {
            continue;
        }
        let said = !ends[0].revents().is_empty();
        let dead = ends.get(1).is_some_and(|end| !end.revents().is_empty());
        if dead || (said && !listen(link, &mut guard)) {
            return;
        }
    }
}

/// Reads what the agent says; false at its end.
fn listen(link: BorrowedFd<'_>, guard: &mut Guard) -> bool {
    let mut bytes = [0; 4096];
    match rustix::io::read(link, &mut bytes) {
        Ok(0) => false,
        Ok(read) => {
            guard.hear(&bytes[..read]);
            true
        }
        Err(error) => matches!(error, rustix::io::Errno::INTR | rustix::io::Errno::AGAIN),
    }
}

fn kill(agent: Option<&OwnedFd>) {
    let Some(agent) = agent else { return };
    crate::say::say(format_args!(
        "squall watchdog: the agent does not answer; ending it and undoing its faults"
    ));
    let _ = pidfd_send_signal(agent, Signal::KILL);
    let mut ends = [PollFd::new(agent, PollFlags::IN)];
    let _ = poll(&mut ends, Some(&timespec(RESTORE_NS_MAX)));
}

/// Undoes all that is open in the journal.
fn restore_all(state_dir: &Path) -> u8 {
    let give_up_ns = clock::boottime_ns() + LOCK_NS_MAX;
    let (mut journal, found) = loop {
        match Journal::take_existing(state_dir) {
            Ok(Some(taken)) => break taken,
            // Removed together with its folder: nothing was open, or somebody took it in hand.
            Ok(None) => return 0,
            Err(JournalError::Held(_)) if clock::boottime_ns() < give_up_ns => pause(AGAIN_NS / 5),
            // The next agent, or `squall undo`, has it and undoes everything itself.
            Err(JournalError::Held(_)) => return 0,
            Err(error) => {
                // Undoing matters more than noting that it was done.
                crate::say::say(format_args!("squall watchdog: {error}"));
                let open = crate::journal::peek(state_dir).map(|found| found.open);
                let stuck = until_restored(open.unwrap_or_default(), |_| {});
                return if stuck.is_empty() { 0 } else { 5 };
            }
        }
    };
    let stuck = until_restored(found.open, |receipt| {
        let _ = journal.close(&receipt.id, "watchdog", crate::shell::signals::unix_ms());
    });
    for (receipt, advice) in &stuck {
        crate::say::say(format_args!(
            "squall watchdog: {} is not restored; {advice}",
            receipt.target
        ));
    }
    if stuck.is_empty() { 0 } else { 5 }
}

/// Tries each receipt until it is restored or the time is up; gives back what is left.
pub(crate) fn until_restored(
    open: Vec<Receipt>,
    mut restored: impl FnMut(&Receipt),
) -> Vec<(Receipt, String)> {
    let mut replay = Replay::new(open, clock::boottime_ns());
    loop {
        match replay.step(clock::boottime_ns(), restore) {
            Step::Restored(receipt) => restored(&receipt),
            Step::Left => {}
            Step::Pause => pause(AGAIN_NS),
            Step::Over(left) => return left,
        }
    }
}

pub(crate) fn pause(ns: u64) {
    let _ = poll(&mut [], Some(&timespec(ns)));
}

pub(crate) fn timespec(ns: u64) -> Timespec {
    let seconds = i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: (ns % 1_000_000_000) as _ }
}
