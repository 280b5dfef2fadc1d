//! Waiting to the microsecond: one kernel timer for all held messages.
//!
//! The runtime's own timer counts in whole milliseconds and rounds up, which
//! would add up to a millisecond to every delay. A timer descriptor fires at the
//! asked time; one serves any number of waits through a heap of deadlines. This
//! file is also the one place of the crate that reads a clock.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    future::Future,
    io,
    os::fd::{AsFd, OwnedFd},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::{
    io::unix::AsyncFd,
    runtime::{Builder, Runtime},
};

use crate::notice::{LATE_NS_MAX, Notice};

const NANOS: u64 = 1_000_000_000;

/// A moment in nanoseconds since boot, suspended time included (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub u64);

impl BootTime {
    /// A moment that never comes.
    pub const NEVER: BootTime = BootTime(u64::MAX);

    /// Reads the clock.
    #[must_use]
    pub fn now() -> BootTime {
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
        BootTime(seconds.saturating_mul(NANOS).saturating_add(nanos))
    }

    /// Returns the moment that much later.
    #[must_use]
    pub fn after(self, wait: Duration) -> BootTime {
        BootTime(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Returns the time since an earlier moment; zero if it was not earlier.
    #[must_use]
    pub fn since(self, earlier: BootTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// How many tasks may run before sockets and the timer are looked at again; the usual 61 would
/// let a busy proxy be late with a held message.
const EVENT_INTERVAL: u32 = 8;

/// A runtime on one thread, which notes when that sleeps: its timers learn from it.
pub(crate) struct Watched {
    pub(crate) runtime: Runtime,
    pub(crate) notice: Arc<Notice>,
}

impl Watched {
    /// Makes a runtime for the calling thread.
    pub(crate) fn new() -> io::Result<Watched> {
        let notice = Arc::<Notice>::default();
        let (falls_asleep, wakes) = (Arc::clone(&notice), Arc::clone(&notice));
        let runtime = Builder::new_current_thread()
            .enable_io()
            .event_interval(EVENT_INTERVAL)
            .on_thread_park(move || falls_asleep.falls_asleep(BootTime::now().0))
            .on_thread_unpark(move || wakes.wakes(BootTime::now().0))
            .build()?;
        Ok(Watched { runtime, notice })
    }
}

/// A source of exact waits; cheap to clone, alive while its driver runs.
#[derive(Debug, Clone)]
pub struct Timer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    descriptor: AsyncFd<OwnedFd>,
    /// How late this thread is of late, so that timers are set that much earlier.
    notice: Arc<Notice>,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    /// Soonest first. An entry whose wait was dropped stays until its time comes.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    /// Who to wake, by the number of the wait.
    wakers: BTreeMap<u64, Waker>,
    last: u64,
    /// The deadline the kernel timer is set for.
    set_ns: Option<u64>,
    /// When it was meant to fire for it.
    aimed_ns: u64,
}

/// The last stretch before a deadline that is waited out awake: shorter than any sleep is exact.
const AWAKE_NS_MAX: u64 = 80_000;

impl Timer {
    /// Makes a timer inside a runtime; someone must run [`Timer::drive`].
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn new() -> io::Result<Timer> {
        Timer::of(Arc::default())
    }

    /// Makes one that knows how late its thread is.
    pub(crate) fn of(notice: Arc<Notice>) -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Boottime, flags)?;
        #[expect(deprecated, reason = "its successor is unsafe; an OwnedFd keeps its promise")]
        let descriptor = AsyncFd::new(descriptor)?;
        Ok(Timer { shared: Arc::new(Shared { descriptor, notice, waits: Mutex::default() }) })
    }

    /// Wakes the waits whose time has come, for ever.
    ///
    /// # Errors
    /// When the descriptor fails; no wait ends after that.
    pub async fn drive(&self) -> io::Result<()> {
        loop {
            let mut ready = self.shared.descriptor.readable().await?;
            let mut fired = [0; 8];
            match rustix::io::read(self.shared.descriptor.get_ref(), &mut fired) {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    ready.clear_ready();
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            ready.clear_ready();
            let mut waits = self.waits();
            self.shared.notice.fired(waits.aimed_ns);
            waits.set_ns = None;
            let now = waits.awake_until_due();
            waits.wake_due(now);
            self.set(&mut waits)?;
        }
    }

    /// The moment from which the delay of a message counts that is read now: not when this thread
    /// got to it, but when it came, as far as that is known.
    pub(crate) fn counts_from(&self) -> BootTime {
        BootTime(self.shared.notice.counts_from(BootTime::now().0))
    }

    /// The earliest moment from which anything counts that is read now.
    pub(crate) fn earliest(&self) -> BootTime {
        BootTime(BootTime::now().0.saturating_sub(2 * LATE_NS_MAX))
    }

    /// Returns a wait until a moment.
    pub fn until(&self, deadline: BootTime) -> Sleep {
        Sleep { timer: self.clone(), deadline, number: None }
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        // No code that can panic runs under the lock.
        self.shared.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the kernel timer to the soonest deadline unless it already is.
    fn set(&self, waits: &mut Waits) -> io::Result<()> {
        let Some(&Reverse((soonest, _))) = waits.due.peek() else {
            return Ok(());
        };
        if waits.set_ns.is_some_and(|set| set <= soonest) {
            return Ok(());
        }
        waits.aimed_ns =
            soonest.saturating_sub(self.shared.notice.lead_ns()).max(BootTime::now().0);
        // Zero would disarm the timer instead of firing it.
        let value = timespec(waits.aimed_ns.max(1));
        let spec = Itimerspec { it_interval: timespec(0), it_value: value };
        timerfd_settime(self.shared.descriptor.as_fd(), TimerfdTimerFlags::ABSTIME, &spec)?;
        waits.set_ns = Some(soonest);
        Ok(())
    }
}

fn timespec(nanos: u64) -> Timespec {
    let seconds = i64::try_from(nanos / NANOS).unwrap_or(i64::MAX);
    let rest = i64::try_from(nanos % NANOS).unwrap_or(0);
    Timespec { tv_sec: seconds, tv_nsec: rest }
}

impl Waits {
    /// Waits for a deadline that is nearly there without sleeping; returns the time.
    fn awake_until_due(&self) -> u64 {
        let soonest = self.due.peek().map_or(0, |Reverse((deadline, _))| *deadline);
        let mut now = BootTime::now().0;
        while now < soonest && soonest - now <= AWAKE_NS_MAX {
            std::hint::spin_loop();
            now = BootTime::now().0;
        }
        now
    }

    fn wake_due(&mut self, now: u64) {
        while let Some(&Reverse((deadline, number))) = self.due.peek() {
            if deadline > now {
                break;
            }
            self.due.pop();
            if let Some(waker) = self.wakers.remove(&number) {
                waker.wake();
            }
        }
        // Dropped waits far in the future must not pile up.
        if self.due.len() > 64 && self.due.len() > 2 * self.wakers.len() {
            let wakers = &self.wakers;
            self.due.retain(|Reverse((_, number))| wakers.contains_key(number));
        }
    }
}

/// A wait that is over at its deadline; dropping it forgets it.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
    deadline: BootTime,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if BootTime::now() >= self.deadline {
            return Poll::Ready(());
        }
        if self.deadline == BootTime::NEVER {
            return Poll::Pending;
        }
        let timer = self.timer.clone();
        let mut waits = timer.waits();
        let known = self.number;
        let number = known.unwrap_or_else(|| {
            waits.last += 1;
            waits.last
        });
        let missing = waits.wakers.insert(number, context.waker().clone()).is_none();
        // An entry taken off the heap a moment too early goes on it again.
        if missing {
            waits.due.push(Reverse((self.deadline.0, number)));
        }
        self.number = Some(number);
        if timer.set(&mut waits).is_err() {
            // A wait that cannot be kept ends: traffic is never stuck on a fault.
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timer.waits().wakers.remove(&number);
        }
    }
}
