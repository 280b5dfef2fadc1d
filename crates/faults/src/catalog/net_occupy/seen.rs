//! How `net.occupy` is seen from outside: another process of the target's cgroup cannot bind.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case =
    Case { filters: &[("port", "8099")], ..Case::of("net.occupy", Seen::While(is_taken)) };

fn is_taken(victim: &Victim) -> bool {
    !victim.as_target(&["bind", "127.0.0.1:8099"])
}
