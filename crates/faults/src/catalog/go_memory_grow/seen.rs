//! How `go.memory-grow` is seen from outside: the target reads its own heap.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("size", "96MiB"), ("step", "32MiB"), ("every", "5ms")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.memory-grow", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("heap_mib") >= 80.0
}
