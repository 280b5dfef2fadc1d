//! Wakes the loop at a moment, to some microseconds. The runtime's own timers count whole
//! milliseconds and round up: each sample and each hold would be up to one longer than was asked.

use rustix::io::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// A timer of zero would never ring.
const WAIT_MIN: Duration = Duration::from_nanos(1);

/// One timer, set anew for each wait.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "sound for a descriptor that nobody can close or replace meanwhile, as one \
                      owned here; its successor is unsafe"
        )]
        let timer = AsyncFd::new(timer)?;
        Ok(Alarm { timer })
    }

    /// Waits. Dropping the wait loses nothing: the next one sets the timer anew, and with that
    /// whatever it had rung before is forgotten.
    pub(super) async fn after(&self, wait: Duration) -> io::Result<()> {
        let wait = Timespec::try_from(wait.max(WAIT_MIN)).map_err(io::Error::other)?;
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let new = Itimerspec { it_interval: once, it_value: wait };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &new)?;
        loop {
            let mut ready = self.timer.readable().await?;
            // How often it rang; readiness from before the timer was set finds nothing here.
            let mut rang = [0; 8];
            let seen = ready.try_io(|timer| Ok(read(timer, &mut rang)?));
            if let Ok(rang) = seen {
                return rang.map(drop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use std::time::Instant;
    use tokio::runtime::Builder;

    #[test]
    fn it_rings_never_too_soon_and_again_after_a_wait_that_was_dropped() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new().unwrap();
            for us in [0, 1, 300, 1_500, 2_000] {
                let wait = Duration::from_micros(us);
                let start = Instant::now();
                alarm.after(wait).await.unwrap();
                assert!(start.elapsed() >= wait);
                // Let it ring without anybody who waits, then wait for longer.
                tokio::select! {
                    biased;
                    rang = alarm.after(Duration::ZERO) => rang.unwrap(),
                    () = std::future::ready(()) => {}
                }
                std::thread::sleep(Duration::from_millis(1));
                let start = Instant::now();
                alarm.after(wait).await.unwrap();
                assert!(start.elapsed() >= wait);
            }
        });
    }
}
