//! Pulses of SIGSTOP and SIGCONT from a thread of its own, each measured.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::clock;
use crate::sys::process::{self, Handle};
use crate::sys::stopping::Undo;
use crate::values::Checked;
use rustix::process::Signal;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Freeze;

/// Lengths kept for the median; the oldest go first.
const KEPT_MAX: usize = 4_096;
/// The nice value of the thread that must wake in time.
const URGENT: i32 = -20;

struct Freeze;

#[derive(Default)]
struct Pulses {
    /// How many there were.
    count: u64,
    /// In how many the process was seen stopped at their end.
    stopped: u64,
    lengths_ns: std::collections::VecDeque<u64>,
}

struct Held {
    length: Duration,
    period: Duration,
    lease_ns: Arc<AtomicU64>,
    pulses: Arc<Mutex<Pulses>>,
    /// Dropped to end the pulses.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Effect for Freeze {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        Ok(Undo::of(injection, false)?.value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let handle = Handle::open(receipt.process)?;
        let (length, period) = (values.duration("length"), values.duration("period"));
        let lease_ns = Arc::new(AtomicU64::new(lease.boottime_ns));
        let pulses = Arc::new(Mutex::new(Pulses::default()));
        let (end, ended) = channel::<()>();
        let (until_ns, told) = (lease_ns.clone(), pulses.clone());
        let body = move || {
            let _else_only_less_exact = rustix::process::setpriority_process(None, URGENT);
            let mut next_ns = clock::monotonic_ns();
            loop {
                let wait_ns = next_ns.saturating_sub(clock::monotonic_ns());
                let waited = ended.recv_timeout(Duration::from_nanos(wait_ns));
                let over = clock::boottime_ns() >= until_ns.load(Ordering::Relaxed);
                if waited != Err(RecvTimeoutError::Timeout)
                    || over
                    || !pulse(&handle, length, &told)
                {
                    return;
                }
                // A thread that woke late does not make up for it with a shorter pause.
                let now_ns = clock::monotonic_ns();
                while next_ns <= now_ns {
                    next_ns += u64::try_from(period.as_nanos()).unwrap_or(u64::MAX / 2);
                }
            }
        };
        let thread = thread::Builder::new().name("squall-freeze".to_owned());
        let thread = thread.spawn(body).map_err(process::system("start a thread"))?;
        let thread = Some(thread);
        Ok(Box::new(Held { length, period, lease_ns, pulses, end: Some(end), thread }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::read(receipt)?.let_go()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Undo::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Undo::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
    }
}

/// One stop; false once the process is gone.
fn pulse(handle: &Handle, length: Duration, told: &Mutex<Pulses>) -> bool {
    let start_ns = clock::monotonic_ns();
    if handle.signal(Signal::STOP).is_err() {
        return false;
    }
    let end_ns = start_ns + u64::try_from(length.as_nanos()).unwrap_or(u64::MAX / 2);
    thread::sleep(Duration::from_nanos(end_ns.saturating_sub(clock::monotonic_ns())));
    let stopped = process::stat(handle.process().pid).is_some_and(|stat| stat.state == 'T');
    let sent = handle.signal(Signal::CONT).is_ok();
    let length_ns = clock::monotonic_ns() - start_ns;
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.count += 1;
    told.stopped += u64::from(stopped);
    if told.lengths_ns.len() == KEPT_MAX {
        told.lengths_ns.pop_front();
    }
    told.lengths_ns.push_back(length_ns);
    sent
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.end.take());
        // A pulse that is on ends first, so that nothing stops the process after the undo.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lengths: Vec<u64> = pulses.lengths_ns.iter().copied().collect();
        lengths.sort_unstable();
        let median_ms = lengths.get(lengths.len() / 2).map(|length_ns| *length_ns as f64 / 1e6);
        let asked_ms = self.length.as_secs_f64() * 1e3;
        let median = median_ms.map_or("none yet".to_owned(), |ms| format!("median {ms:.1} ms"));
        Ok(Bite {
            hits: pulses.stopped,
            seen: pulses.count,
            asked: Some(asked_ms),
            delivered: median_ms,
            detail: format!("stopped {} times, {median}, asked {asked_ms} ms", pulses.stopped),
            ..Bite::default()
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.lease_ns.store(lease.boottime_ns, Ordering::Relaxed);
        Ok(())
    }

    fn mechanism(&self) -> String {
        format!("SIGSTOP and SIGCONT every {:?}", self.period)
    }
}
