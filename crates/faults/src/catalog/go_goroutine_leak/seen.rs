//! How `go.goroutine-leak` is seen from outside: the target counts its goroutines.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("count", "500")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.goroutine-leak", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("goroutines") >= 400.0
}
