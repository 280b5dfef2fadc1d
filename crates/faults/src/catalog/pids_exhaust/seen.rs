//! How `pids.exhaust` is seen from outside: the target starts a thread for each connection, and
//! none answers any more.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Duration;

pub(crate) const CASE: Case = Case::of("pids.exhaust", Seen::While(starts_nothing));

fn starts_nothing(victim: &Victim) -> bool {
    victim.get_within("/", Duration::from_millis(200)).is_err()
}
