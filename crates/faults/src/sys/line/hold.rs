//! The thread that holds packets: one heap of them, ordered by when each goes on.

use super::Counted;
use super::back::Back;
use crate::sys::armed::Counters;
use crate::sys::clock::monotonic_ns;
use crate::sys::lateness::Lateness;
use crate::sys::tap::{HEAD, PACKET_BYTES_MAX, Tap};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than this is not held: what comes then goes on at once, and is counted.
const HELD_BYTES_MAX: usize = 128 << 20;
/// Ethernet's header, which the loopback device has too.
const LINK: usize = 14;
/// Packets read before the heap is looked at again.
const READS_MAX: usize = 64;
const NANOS: u64 = 1_000_000_000;

/// What the thread needs.
pub(super) struct Hold {
    pub(super) taps: Arc<Vec<Tap>>,
    pub(super) back: Back,
    pub(super) lateness: Lateness,
    pub(super) counters: Counters,
    pub(super) counted: Arc<Counted>,
}

/// One packet; the order is that of going on, then that of coming.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due_ns: u64,
    number: u64,
    came_ns: u64,
    asked_ns: u64,
    /// How many packets had gone straight when it came.
    straight: u64,
    tap: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Heap {
    held: BinaryHeap<Reverse<Held>>,
    bytes: usize,
    number: u64,
}

impl Hold {
    /// Runs until told to stop, then sends on what is left.
    pub(super) fn run(mut self, stop: &OwnedFd) {
        hurry();
        let (mut heap, mut buffer) = (Heap::default(), vec![0; PACKET_BYTES_MAX]);
        let mut stopping = false;
        while !stopping {
            stopping = self.wait(stop, heap.next_ns());
            self.take(&mut heap, &mut buffer);
            self.release(&mut heap, if stopping { u64::MAX } else { monotonic_ns() });
        }
    }

    /// Waits for a packet, the time or the end. True for the end.
    fn wait(&self, stop: &OwnedFd, until_ns: Option<u64>) -> bool {
        let mut polled = vec![PollFd::new(stop, PollFlags::IN)];
        polled.extend(
            self.taps.iter().map(|tap| PollFd::from_borrowed_fd(tap.as_fd(), PollFlags::IN)),
        );
        let left = until_ns.map(|until| until.saturating_sub(monotonic_ns()));
        let left = left.map(|left| Timespec {
            tv_sec: (left / NANOS).cast_signed(),
            tv_nsec: (left % NANOS).cast_signed(),
        });
        // A signal, or an error that the next round meets again.
        let _woken = poll(&mut polled, left.as_ref());
        !polled[0].revents().is_empty()
    }

    fn take(&mut self, heap: &mut Heap, buffer: &mut [u8]) {
        for (at, tap) in self.taps.iter().enumerate() {
            for _ in 0..READS_MAX {
                let Ok(Some(length)) = tap.read(buffer) else { break };
                let came_ns = monotonic_ns();
                let asked_ns = self.lateness.next_ns();
                let straight = self.straight();
                if heap.bytes > HELD_BYTES_MAX {
                    count(&self.counted.missed, 1);
                    let _goes_early = self.send(at, &buffer[..length]);
                    continue;
                }
                heap.number += 1;
                heap.bytes += length;
                heap.held.push(Reverse(Held {
                    due_ns: came_ns.saturating_add(asked_ns),
                    number: heap.number,
                    came_ns,
                    asked_ns,
                    straight,
                    tap: at,
                    bytes: buffer[..length].to_vec(),
                }));
            }
        }
    }

    fn release(&self, heap: &mut Heap, now_ns: u64) {
        while heap.next_ns().is_some_and(|due| due <= now_ns) {
            let Some(Reverse(held)) = heap.held.pop() else { return };
            heap.bytes -= held.bytes.len();
            if self.send(held.tap, &held.bytes).is_err() {
                count(&self.counted.missed, 1);
                continue;
            }
            count(&self.counted.overtaken, u64::from(self.straight() > held.straight));
            // Those that are sent on early at the end say nothing of how well time was kept.
            if now_ns != u64::MAX {
                count(&self.counted.released, 1);
                count(&self.counted.asked_ns, held.asked_ns);
                count(&self.counted.held_ns, monotonic_ns().saturating_sub(held.came_ns));
            }
        }
    }

    /// How many packets matched and were not chosen.
    fn straight(&self) -> u64 {
        self.counters.read().map_or(0, |tally| tally.matched.saturating_sub(tally.hit))
    }

    fn send(&self, at: usize, packet: &[u8]) -> std::io::Result<()> {
        let Some(tap) = self.taps.get(at) else { return Ok(()) };
        if tap.is_loopback {
            self.back.send(packet.get(HEAD + LINK..).unwrap_or_default())
        } else {
            tap.write(packet)
        }
    }
}

impl Heap {
    fn next_ns(&self) -> Option<u64> {
        self.held.peek().map(|Reverse(held)| held.due_ns)
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// The kernel may wake a thread 50 µs late to save a wake-up, and lets others go first; this one
/// keeps time for others. Where it may not, it is merely less exact.
fn hurry() {
    let own = 0;
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: plain system calls about the calling thread; the structure outlives the call.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong);
        libc::sched_setscheduler(
            own,
            libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
            &raw const parameters,
        );
    }
}
