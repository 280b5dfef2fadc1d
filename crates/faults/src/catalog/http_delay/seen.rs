//! How `http.delay` is seen from outside: the answer is right and late.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "120ms"), ("jitter", "0s")],
    ..Case::of("http.delay", Seen::While(is_late))
};

fn is_late(victim: &Victim) -> bool {
    let start = Instant::now();
    victim.get("/").is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= 110
}
