//! How `go.gc-pressure` is seen from outside: the target counts its collections.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("rate", "1GiB/s")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.gc-pressure", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.grows("gc_cycles", 3)
}
