//! How `fd.exhaust` is seen from outside: of several connections at once most get no answer.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Duration;

pub(crate) const CASE: Case = Case::of("fd.exhaust", Seen::While(cannot_open));

/// The target dials all the time, so the fault may leave it the descriptor of one dial or two.
const AT_ONCE: usize = 8;

fn cannot_open(victim: &Victim) -> bool {
    victim.answered_at_once(AT_ONCE, Duration::from_millis(100)) < AT_ONCE / 2
}
