//! How `net.bandwidth` is seen from outside: replies that were all but free take their time.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

/// Some 500 bytes each on the wire, at 1,000 bytes a second.
const REPLIES: u32 = 2;

pub(crate) const CASE: Case = Case {
    with: &[("rate", "8kbit/s")],
    filters: &[("port", "8080")],
    ..Case::of("net.bandwidth", Seen::While(is_slow))
};

fn is_slow(victim: &Victim) -> bool {
    let start = Instant::now();
    (0..REPLIES).all(|_| victim.get("/").is_ok()) && start.elapsed().as_millis() >= 300
}
