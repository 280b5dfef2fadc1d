//! How `disk.fill` is seen from outside: the file system has less room.

use crate::seen::{Case, Seen};
use crate::victim::{DISK, Victim};

pub(crate) const CASE: Case = Case {
    with: &[("path", DISK), ("size", "48MiB"), ("reserve", "16MiB")],
    victim: Victim::with_disk,
    ..Case::of("disk.fill", Seen::While(is_full))
};

fn is_full(victim: &Victim) -> bool {
    // Of 160 MiB.
    victim.disk_free_mib() < 120
}
