//! How `go.pool-starve` is seen from outside: the target waits for a connection.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.pool-starve", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("pool_ms") >= 200.0
}
