//! How `cpu.load` is seen from outside: the target's cgroup uses more CPU time than the target.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Duration;

pub(crate) const CASE: Case =
    Case { with: &[("percent", "50%")], ..Case::of("cpu.load", Seen::While(burns)) };

fn burns(victim: &Victim) -> bool {
    // Half a core is asked for; the target itself uses far less than a tenth.
    victim.cpu_share(Duration::from_millis(200)) > 0.2
}
