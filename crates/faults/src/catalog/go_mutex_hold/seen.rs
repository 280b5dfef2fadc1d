//! How `go.mutex-hold` is seen from outside: the target waits for its own lock.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("lock", "stock"), ("hold", "40ms"), ("every", "50ms")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.mutex-hold", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("lock_wait_ms") >= 15.0
}
