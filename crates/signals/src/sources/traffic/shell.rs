//! Owns the generator's two threads and their clock: one says when, the other sends.
//!
//! The pace has a thread of its own because a runtime's timer counts whole milliseconds, and
//! because neither a busy engine nor a busy sender may move an arrival.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::sync::mpsc;

use super::{
    arrivals::Arrivals,
    connections::{Answer, Connections},
    tally::{Outcome, Tally},
};
use crate::{endings::Ledger, gate::Gate};

/// Arrivals handed over but not yet taken: a second at the highest rate one core sends.
const HANDOVER_MAX: usize = 20_000;

/// What is sent, and how much of it at once.
pub(super) struct Load {
    pub(super) connections: Connections,
    pub(super) request: Request<Full<Bytes>>,
    pub(super) timeout: Duration,
    pub(super) in_flight_max: usize,
}

/// The running generator; ends when dropped.
pub(super) struct Generator {
    tally: Arc<Mutex<Tally>>,
    endings: Ledger,
    gate: Gate,
    started: Instant,
    /// Dropping it wakes and ends the pace, which ends the sending.
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Generator {
    /// Starts both threads.
    pub(super) fn start(arrivals: Arrivals, load: Load) -> io::Result<Generator> {
        let tally = Arc::<Mutex<Tally>>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Only names are resolved there.
            .max_blocking_threads(1)
            .build()?;
        let (stop, stopped) = std::sync::mpsc::channel();
        let (due, dues) = mpsc::channel(HANDOVER_MAX);
        let started = Instant::now();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let endings = Ledger::default();
        let counts = Counts { tally: Arc::clone(&tally), endings: endings.clone() };
        let sending = named("squall-traffic")
            .spawn(move || runtime.block_on(send_all(dues, Arc::new(load), counts)))?;
        let gate = Gate::default();
        let pace = Pace { started, arrivals, gate: gate.clone(), tally: Arc::clone(&tally) };
        let pacing = named("squall-pace").spawn(move || pace.keep(&stopped, &due))?;
        let threads = vec![pacing, sending];
        Ok(Generator { tally, endings, gate, started, stop: Some(stop), threads })
    }

    /// Returns the counts so far and how long ago they began.
    pub(super) fn read(&self) -> (Tally, Duration) {
        (lock(&self.tally).clone(), self.started.elapsed())
    }

    /// Returns how requests end, to be read while it runs.
    pub(super) fn endings(&self) -> Ledger {
        self.endings.clone()
    }

    /// Returns what lets it rest.
    pub(super) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Tells whether it still sends.
    pub(super) fn running(&self) -> bool {
        self.stop.is_some() && self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Ends it; requests under way are given up and not counted.
    pub(super) fn stop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A panic has been printed, and shows as a source that does not run.
            let _panicked = thread.join();
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where requests are counted.
#[derive(Clone)]
struct Counts {
    tally: Arc<Mutex<Tally>>,
    endings: Ledger,
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    // A count lost to a panic elsewhere is better than no counts.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What says when.
struct Pace {
    started: Instant,
    arrivals: Arrivals,
    gate: Gate,
    tally: Arc<Mutex<Tally>>,
}

impl Pace {
    /// Hands over each arrival when it is due, but for a rest; after a delay all that are overdue,
    /// as due when they were.
    fn keep(self, stopped: &Receiver<()>, due: &mpsc::Sender<Instant>) {
        for offset in self.arrivals {
            let at = self.started + offset;
            let wait = at.saturating_duration_since(Instant::now());
            // Waiting on the channel is a sleep that a stop can end.
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if self.gate.rests() {
                continue;
            }
            match due.try_send(at) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    lock(&self.tally).count(Outcome::Dropped, None, None);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }
}

/// Starts a request for each arrival, whatever the earlier ones do.
async fn send_all(mut dues: mpsc::Receiver<Instant>, load: Arc<Load>, counts: Counts) {
    let in_flight = Arc::new(AtomicUsize::new(0));
    while let Some(due) = dues.recv().await {
        if in_flight.load(Relaxed) >= load.in_flight_max {
            lock(&counts.tally).count(Outcome::Dropped, None, None);
            continue;
        }
        in_flight.fetch_add(1, Relaxed);
        let (load, counts) = (Arc::clone(&load), counts.clone());
        let in_flight = Arc::clone(&in_flight);
        tokio::spawn(async move {
            send_one(due, &load, &counts).await;
            in_flight.fetch_sub(1, Relaxed);
        });
    }
}

/// Sends one request and counts how it ended, from the moment it was due.
async fn send_one(due: Instant, load: &Load, counts: &Counts) {
    let sent = load.connections.send(load.request.clone());
    let answered = tokio::time::timeout_at((due + load.timeout).into(), sent).await;
    let took = due.elapsed();
    let mut failure = None;
    let (outcome, code, said) = match answered {
        Err(_elapsed) => (Outcome::Timeout, None, None),
        Ok(Ok(Answer { code, said })) => (Outcome::of_status(code), Some(code), said),
        Ok(Err(why)) => {
            let why = why.to_string();
            failure = Some(why.clone());
            (Outcome::Error, None, Some(why))
        }
    };
    counts.endings.count(outcome.text(), code, took, said);
    let mut tally = lock(&counts.tally);
    tally.count(outcome, code, Some(took));
    tally.last_failure = failure.or(tally.last_failure.take());
}
