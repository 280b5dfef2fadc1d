//! The soft limit of the process, lowered to what it has open; a thread looks how often it is full.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::clock;
use crate::sys::process::{self, Handle, system};
use crate::sys::stopping::is_same;
use crate::values::Checked;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &FdExhaust;

/// Between two looks at what is open.
const LOOK_EVERY: Duration = Duration::from_millis(50);

struct FdExhaust;

/// What undoes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    process: ProcessIdentity,
    /// The soft limit as it was; the hard one is never touched. `None` is no limit.
    soft: Option<u64>,
    hard: Option<u64>,
}

#[derive(Default)]
struct Looks {
    count: u64,
    full: u64,
    open: usize,
    free: usize,
}

struct Held {
    limit: u64,
    since_ns: u64,
    looks: Arc<Mutex<Looks>>,
    /// Dropped to end the looking.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Effect for FdExhaust {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        let process = injection.target.process;
        let (soft, hard) = limits(process.pid).ok_or(EffectError::TargetGone)?;
        // Read, then checked: a reused pid cannot have given its limits.
        Handle::open(process)?;
        process::refuse_own(process)?;
        let undo = Undo { process, soft, hard };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let undo = undo(receipt)?;
        let leave = usize::try_from(values.integer("leave")).unwrap_or(0);
        let open = open(undo.process.pid).ok_or(EffectError::TargetGone)?;
        let limit = lowest_with_free(&open, leave);
        if undo.soft.is_some_and(|soft| soft <= limit) {
            let soft = undo.soft.unwrap_or(0);
            let text = format!("its limit of {soft} descriptors leaves it fewer already");
            return Err(EffectError::InTheWay(text));
        }
        set(undo.process, Some(limit), undo.hard)?;
        let looks = Arc::new(Mutex::new(Looks::default()));
        let (end, ended) = channel::<()>();
        let (told, process) = (looks.clone(), undo.process);
        let body = move || {
            loop {
                look(process, limit, &told);
                if ended.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("squall-fds".to_owned());
        let thread = Some(thread.spawn(body).map_err(system("start a thread"))?);
        let since_ns = clock::monotonic_ns();
        Ok(Box::new(Held { limit, since_ns, looks, end: Some(end), thread }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let undo = undo(receipt)?;
        match set(undo.process, undo.soft, undo.hard) {
            Err(EffectError::TargetGone) => Ok(()),
            done => done,
        }
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        let now = limits(undo.process.pid).filter(|_| is_same(undo.process));
        let left = now.filter(|(soft, _)| *soft != undo.soft);
        Ok(left
            .iter()
            .map(|_| format!("the limit of pid {} is not as before", undo.process.pid))
            .collect())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        let Ok(undo) = undo(receipt) else { return "squall undo".to_owned() };
        let soft = undo.soft.map_or("unlimited".to_owned(), |soft| soft.to_string());
        format!("prlimit --pid {} --nofile={soft}:", undo.process.pid)
    }
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}

/// Sets the limits of exactly this process.
fn set(process: ProcessIdentity, soft: Option<u64>, hard: Option<u64>) -> Result<(), EffectError> {
    // The descriptor keeps the pid from being given to another process meanwhile.
    let handle = Handle::open(process)?;
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: soft, maximum: hard };
    let set = prlimit(pid, Resource::Nofile, limit);
    drop(handle);
    match set {
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::SRCH) => Err(EffectError::TargetGone),
        Err(error) => Err(system("set the limit of descriptors")(error.into())),
    }
}

/// The soft and the hard limit of a process; `None` inside is no limit.
fn limits(pid: u32) -> Option<(Option<u64>, Option<u64>)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = line.split_ascii_whitespace();
    Some((words.next()?.parse().ok(), words.next()?.parse().ok()))
}

/// The numbers of the descriptors a process has open.
fn open(pid: u32) -> Option<BTreeSet<u64>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The lowest limit under which so many numbers are free: the kernel gives out the lowest one.
fn lowest_with_free(open: &BTreeSet<u64>, free: usize) -> u64 {
    let mut left = free;
    let mut limit = 0;
    let mut taken = open.iter().copied().peekable();
    loop {
        if taken.next_if_eq(&limit).is_none() {
            if left == 0 {
                return limit;
            }
            left -= 1;
        }
        limit += 1;
    }
}

fn look(process: ProcessIdentity, limit: u64, told: &Mutex<Looks>) {
    let Some(open) = open(process.pid).filter(|_| is_same(process)) else { return };
    let below = open.iter().filter(|number| **number < limit).count();
    let free = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(below);
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.count += 1;
    told.full += u64::from(free == 0);
    (told.open, told.free) = (open.len(), free);
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let age_s = (clock::monotonic_ns() - self.since_ns) as f64 / 1e9;
        Ok(Bite {
            hits: looks.full,
            seen: looks.count,
            detail: format!(
                "none free in {} of {} looks during {age_s:.1} s; {} open, {} free now",
                looks.full, looks.count, looks.open, looks.free
            ),
            ..Bite::default()
        })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        // The kernel holds no deadline for a limit; the watchdog does.
        Ok(())
    }

    fn mechanism(&self) -> String {
        format!("soft limit of {} descriptors", self.limit)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn the_lowest_limit_leaves_just_the_asked_numbers_free() {
        let limit = |open: &[u64], free| lowest_with_free(&open.iter().copied().collect(), free);
        assert_eq!(limit(&[0, 1, 2], 0), 3);
        assert_eq!(limit(&[0, 1, 2, 5, 6], 0), 3);
        assert_eq!(limit(&[0, 1, 2, 5, 6], 2), 7);
        assert_eq!(limit(&[0, 1, 2, 5, 6], 3), 8);
        assert_eq!(limit(&[], 0), 0);
    }

    #[test]
    fn limits_of_a_process_are_read() {
        let (soft, hard) = limits(std::process::id()).unwrap();
        assert!(soft.unwrap_or(u64::MAX) <= hard.unwrap_or(u64::MAX));
        assert!(open(std::process::id()).unwrap().contains(&2));
        assert_eq!(limits(u32::MAX), None);
    }
}
