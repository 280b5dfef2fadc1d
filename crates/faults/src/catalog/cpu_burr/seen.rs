//! How `cpu.burr` is seen from outside: the target's cgroup uses more CPU time than the target.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    with: &[("percent", "100%"), ("duration", "60ms"), ("period", "100ms")],
    ..Case::of("cpu.burr", Seen::While(burns))
};

fn burns(victim: &Victim) -> bool {
    // Six tenths are asked for; the target itself uses far less than a tenth.
    victim.cpu_share(Duration::from_millis(300)) > 0.2
}
