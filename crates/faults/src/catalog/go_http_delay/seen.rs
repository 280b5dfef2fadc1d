//! How `go.http-delay` is seen from outside: the answer is right and late.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "120ms")],
    filters: &[("route", "/victim")],
    victim: Victim::go,
    ..Case::of("go.http-delay", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.is_late("/victim", 110)
}
