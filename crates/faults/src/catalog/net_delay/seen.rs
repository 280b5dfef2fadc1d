//! How `net.delay` is seen from outside: a reply is late by two packets, since the connection
//! needs one of the target's and the answer another.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "60ms")],
    filters: &[("port", "8080")],
    ..Case::of("net.delay", Seen::While(is_late))
};

fn is_late(victim: &Victim) -> bool {
    let start = Instant::now();
    victim.get("/").is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= 110
}
