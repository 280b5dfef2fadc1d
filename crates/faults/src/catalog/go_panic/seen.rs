//! How `go.panic` is seen from outside: the connection of the request breaks.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[],
    filters: &[("route", "/victim")],
    victim: Victim::go,
    ..Case::of("go.panic", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.get("/victim").is_err()
}
