//! How `disk.burn` is seen from outside: a process in the target's cgroup writes.

use crate::seen::{Case, Seen};
use crate::victim::{DISK, Victim};
use std::time::Duration;

pub(crate) const CASE: Case = Case {
    with: &[("path", DISK), ("write", "4MiB/s")],
    victim: Victim::with_disk,
    ..Case::of("disk.burn", Seen::While(writes))
};

fn writes(victim: &Victim) -> bool {
    let before = victim.cgroup_written();
    std::thread::sleep(Duration::from_millis(200));
    victim.cgroup_written() > before + (256 << 10)
}
