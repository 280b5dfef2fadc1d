//! How `http.slow-body` is seen from outside.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

pub(crate) const CASE: Case =
    Case { with: &[("rate", "20B/s")], ..Case::of("http.slow-body", Seen::While(shows)) };

fn shows(victim: &Victim) -> bool {
    let start = Instant::now();
    victim.get("/").is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= 180
}
