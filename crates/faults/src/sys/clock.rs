//! The two clocks leases are counted on, and the boot they belong to.

use rustix::time::{ClockId, clock_gettime};
use squall_wire::identity::BootId;

const NANOS: u64 = 1_000_000_000;

/// Nanoseconds since boot, suspended time included.
pub fn boottime_ns() -> u64 {
    read(ClockId::Boottime)
}

/// Nanoseconds since boot without suspended time; what BPF programs read.
pub fn monotonic_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// The kernel's id of this boot.
///
/// # Errors
/// When procfs is not mounted.
pub fn boot_id() -> std::io::Result<BootId> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BootId(text.trim().to_owned()))
}

pub(crate) fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs().saturating_mul(NANOS).saturating_add(time.tv_nsec.unsigned_abs())
}
