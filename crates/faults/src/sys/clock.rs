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

/// CPU time of all threads of a process, in nanoseconds.
///
/// # Errors
/// When the process is gone.
pub fn process_cpu_ns(pid: u32) -> std::io::Result<u64> {
    let pid = libc::pid_t::try_from(pid).map_err(std::io::Error::other)?;
    let mut clock = 0;
    // SAFETY: the pointer is to a clock id that outlives the call.
    let code = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if code != 0 {
        return Err(std::io::Error::from_raw_os_error(code));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a time that outlives the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(time.tv_sec.unsigned_abs().saturating_mul(NANOS).saturating_add(time.tv_nsec.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn clocks_go_forward_and_a_process_has_used_some_time() {
        let (boot, mono) = (boottime_ns(), monotonic_ns());
        assert!(boottime_ns() >= boot && monotonic_ns() >= mono);
        assert!(process_cpu_ns(std::process::id()).unwrap() > 0);
        assert!(process_cpu_ns(u32::MAX).is_err());
        assert_eq!(boot_id().unwrap().0.len(), 36);
    }
}
