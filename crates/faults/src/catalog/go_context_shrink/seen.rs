//! How `go.context-shrink` is seen from outside: a slow handler says that its context was cut.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("deadline", "5ms")],
    filters: &[("route", "/slow")],
    victim: Victim::go,
    ..Case::of("go.context-shrink", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.get("/slow").is_ok_and(|body| body.contains("context-shrink"))
}
