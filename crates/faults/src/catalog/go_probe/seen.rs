//! How `go.probe` is seen from outside: the target knows its own probe.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("probe", "cache.flush"), ("args", "what=sku")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.probe", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("flushed") == 1.0
}
