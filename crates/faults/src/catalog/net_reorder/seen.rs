//! How `net.reorder` is seen from outside: of several replies some are late.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

/// Replies asked for; each needs two packets, half of which are held.
const REPLIES: u32 = 8;

pub(crate) const CASE: Case = Case {
    with: &[("share", "50%"), ("gap", "60ms")],
    ..Case::of("net.reorder", Seen::While(some_are_late))
};

fn some_are_late(victim: &Victim) -> bool {
    let late = |_: &u32| {
        let start = Instant::now();
        victim.get("/").is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= 55
    };
    (0..REPLIES).filter(late).count() > 0
}
