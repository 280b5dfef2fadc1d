//! How `net.limit` is seen from outside: while one connection is open there is no second.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) const CASE: Case = Case {
    with: &[("connections", "1")],
    filters: &[("port", "8080")],
    ..Case::of("net.limit", Seen::While(is_full))
};

fn is_full(victim: &Victim) -> bool {
    let Ok(_first) = victim.connect(PATIENCE) else { return true };
    victim.connect(PATIENCE).is_err()
}
