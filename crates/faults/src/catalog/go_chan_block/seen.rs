//! How `go.chan-block` is seen from outside: the target counts its goroutines.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("count", "300")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.chan-block", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("goroutines") >= 250.0
}
