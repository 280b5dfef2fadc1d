//! How `net.duplicate` is seen from outside: TCP answers data that it had already.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case =
    Case { with: &[("share", "100%")], ..Case::of("net.duplicate", Seen::While(repeats)) };

fn repeats(victim: &Victim) -> bool {
    let before = victim.network_counter("TCPDSACKOldSent");
    for _ in 0..3 {
        drop(victim.get("/"));
    }
    victim.network_counter("TCPDSACKOldSent") > before
}
