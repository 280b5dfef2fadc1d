//! How `go.http-error` is seen from outside: the answer is empty.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("status", "503")],
    filters: &[("route", "/victim")],
    victim: Victim::go,
    ..Case::of("go.http-error", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.get("/victim").is_ok_and(|body| body.is_empty())
}
