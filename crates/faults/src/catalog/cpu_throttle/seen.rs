//! How `cpu.throttle` is seen from outside: work that takes 40 ms alone takes many times as long.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

pub(crate) const CASE: Case =
    Case { with: &[("percent", "5%")], ..Case::of("cpu.throttle", Seen::While(is_throttled)) };

fn is_throttled(victim: &Victim) -> bool {
    // CPU time, not time: a busy machine is no throttled one.
    let periods = victim.throttled();
    let begin = Instant::now();
    let done = victim.get("/work").is_ok();
    done && begin.elapsed().as_millis() > 300 && victim.throttled() > periods
}
