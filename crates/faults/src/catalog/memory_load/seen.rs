//! How `memory.load` is seen from outside: a process in the target's cgroup holds it.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("size", "48MiB"), ("step", "16MiB"), ("interval", "5ms")],
    ..Case::of("memory.load", Seen::While(is_crowded))
};

fn is_crowded(victim: &Victim) -> bool {
    victim.cgroup_memory_kib() > 40 << 10
}
