//! Signals and wall clock of the agent's processes; the only unsafe code of this crate.

use rustix::time::{ClockId, clock_gettime};

/// The signals that ask a process to end.
const ENDS: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// Ignores every signal that asks to end, in this process and in all it starts.
pub(crate) fn ignore_ends() {
    for signal in ENDS {
        // SAFETY: SIG_IGN installs no code of ours, so nothing can run in signal context.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Holds back every signal that asks to end, in this thread and in those it starts, for
/// [`wait_for_end`]. To be called before the first thread.
pub(crate) fn hold_back_ends() {
    // SAFETY: the set lives on this stack and is initialized by sigemptyset before use.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        ENDS.iter().for_each(|signal| {
            libc::sigaddset(&mut set, *signal);
        });
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}

/// Waits for a signal that was held back; returns its number.
pub(crate) fn wait_for_end() -> i32 {
    // SAFETY: as above; `got` is written by sigwait and read after it returned.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        ENDS.iter().for_each(|signal| {
            libc::sigaddset(&mut set, *signal);
        });
        let mut got = 0;
        libc::sigwait(&set, &mut got);
        got
    }
}

/// Wall-clock milliseconds, for the times that only people read.
pub(crate) fn unix_ms() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec.unsigned_abs() * 1_000 + now.tv_nsec.unsigned_abs() / 1_000_000
}
