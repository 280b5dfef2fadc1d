//! How `go.cpu-burr` is seen from outside: the target uses CPU time.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("intensity", "60%"), ("duration", "1s"), ("period", "1s")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.cpu-burr", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.burns(0.2)
}
