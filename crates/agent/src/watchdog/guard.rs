//! When a watchdog takes its agent for hung. Pure: bytes and times are arguments.

use std::collections::BTreeMap;

/// What an agent that is alive but busy may be late. Below it a loaded host would kill healthy
/// agents; above it a stopped process stays stopped for longer than a person forgives.
pub const GRACE_NS: u64 = 400 * 1_000_000;
/// How long a wait for a deadline may last at once. Waiting is counted on a clock that stands
/// still while the host sleeps, and deadlines are not: without it a lease that ended during the
/// sleep would go on for what was left of it before.
pub const WAIT_NS_MAX: u64 = 250 * 1_000_000;
/// The longest line from the agent: a receipt id and a number.
const LINE_BYTES_MAX: usize = 512;
/// Receipts under watch; more than the agent ever has.
const WATCHED_MAX: usize = 1024;

/// What a watchdog knows of its agent.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    watched: BTreeMap<String, u64>,
    line: Vec<u8>,
    /// Since when a deadline is over, on the clock that stands still while the host sleeps.
    overdue_since: Option<u64>,
}

/// What a watchdog does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Wait for the agent to say something, so long at most; for ever where it is none.
    Wait(Option<u64>),
    /// End the agent: it hangs.
    Hung,
}

/// The line that tells a watchdog by when it must hear of a receipt again.
pub fn watch_line(receipt: &str, deadline_ns: u64) -> String {
    format!("watch {deadline_ns} {receipt}\n")
}

/// The line that tells a watchdog that a receipt needs no deadline any more.
pub fn unwatch_line(receipt: &str) -> String {
    format!("unwatch {receipt}\n")
}

impl Guard {
    /// Takes what the agent said, in pieces of any size.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                self.line.truncate(LINE_BYTES_MAX);
                continue;
            }
            let text = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            match text.split_once(' ') {
                Some(("unwatch", id)) => drop(self.watched.remove(id)),
                Some(("watch", rest)) => self.watch(rest),
                _ => {}
            }
        }
    }

    fn watch(&mut self, rest: &str) {
        let Some((at, id)) = rest.split_once(' ') else { return };
        let Ok(at) = at.parse() else { return };
        if self.watched.len() < WATCHED_MAX || self.watched.contains_key(id) {
            self.watched.insert(id.to_owned(), at);
        }
    }

    /// The earliest deadline under watch.
    pub fn next_ns(&self) -> Option<u64> {
        self.watched.values().min().copied()
    }

    /// Looks at the time: since boot, as deadlines count it, and without the host's sleep, as the
    /// agent's grace does. A host that wakes up for a moment and sleeps again would otherwise
    /// take the second sleep for the agent's.
    pub fn look(&mut self, boottime_ns: u64, awake_ns: u64) -> Look {
        let next = self.next_ns();
        self.overdue_since = match next {
            Some(at) if at <= boottime_ns => self.overdue_since.or(Some(awake_ns)),
            _ => None,
        };
        let left = match self.overdue_since {
            Some(since) => Some((since + GRACE_NS).saturating_sub(awake_ns)),
            None => next.map(|at| at - boottime_ns),
        };
        if left == Some(0) {
            return Look::Hung;
        }
        Look::Wait(left.map(|left| left.min(WAIT_NS_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A look on a host that never slept.
    fn look(guard: &mut Guard, now_ns: u64) -> Look {
        guard.look(now_ns, now_ns)
    }

    #[test]
    fn an_agent_that_moves_or_withdraws_its_deadlines_is_left_alone() {
        let mut guard = Guard::default();
        assert_eq!(look(&mut guard, 0), Look::Wait(None));
        let line = watch_line("r-a-b", 100 * MS);
        let (half, rest) = line.as_bytes().split_at(9);
        guard.hear(half);
        assert_eq!(look(&mut guard, 0), Look::Wait(None));
        guard.hear(rest);
        assert_eq!(look(&mut guard, 0), Look::Wait(Some(100 * MS)));
        assert_eq!(look(&mut guard, 100 * MS), Look::Wait(Some(WAIT_NS_MAX)));
        guard.hear(watch_line("r-a-b", 900 * MS).as_bytes());
        assert_eq!(look(&mut guard, 600 * MS), Look::Wait(Some(WAIT_NS_MAX)));
        guard.hear(unwatch_line("r-a-b").as_bytes());
        assert_eq!(look(&mut guard, 5_000 * MS), Look::Wait(None));
    }

    #[test]
    fn one_that_does_neither_hangs_after_its_grace_also_when_the_host_slept() {
        let mut guard = Guard::default();
        guard.hear(watch_line("r-a-b", 100 * MS).as_bytes());
        assert_eq!(look(&mut guard, 3_600_000 * MS), Look::Wait(Some(WAIT_NS_MAX)));
        assert_eq!(look(&mut guard, 3_600_000 * MS + GRACE_NS - 1), Look::Wait(Some(1)));
        assert_eq!(look(&mut guard, 3_600_000 * MS + GRACE_NS), Look::Hung);
    }

    #[test]
    fn a_host_that_wakes_up_for_a_moment_and_sleeps_again_uses_up_no_grace() {
        let mut guard = Guard::default();
        guard.hear(watch_line("r-a-b", 100 * MS).as_bytes());
        let hour = 3_600_000 * MS;
        assert_eq!(guard.look(hour, 50 * MS), Look::Wait(Some(WAIT_NS_MAX)));
        assert_eq!(guard.look(2 * hour, 80 * MS), Look::Wait(Some(WAIT_NS_MAX)));
        assert_eq!(guard.look(3 * hour, 50 * MS + GRACE_NS - 1), Look::Wait(Some(1)));
        assert_eq!(guard.look(4 * hour, 50 * MS + GRACE_NS), Look::Hung);
    }

    #[test]
    fn noise_is_not_heard() {
        let mut guard = Guard::default();
        guard.hear(b"watch soon r-a\nwatch 5\nshout\n\n\xff\xfe\n");
        guard.hear(&vec![b'x'; 1 << 16]);
        assert_eq!(look(&mut guard, u64::MAX), Look::Wait(None));
    }
}
