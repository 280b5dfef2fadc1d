//! How `fd.exhaust` is seen from outside: the target's own dials fail for want of a descriptor.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case::of("fd.exhaust", Seen::While(cannot_open));

fn cannot_open(victim: &Victim) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", victim.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u64 = line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap();
    // The target needs a descriptor to accept with.
    soft < 64 && victim.get_within("/", std::time::Duration::from_millis(200)).is_err()
}
