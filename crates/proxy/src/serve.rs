//! The handle of a proxy, and its life: a lane that takes connections and carries those that nobody
//! reads, readers on a second thread once somebody does, and the order in which they end.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setpriority_process, setrlimit};
use tokio::sync::watch;

use crate::{
    counters::Snapshot,
    delay::BootTime,
    lane::{Bell, Lane, MAX_CONNECTIONS},
    layers::{Layer, Layers, Stream},
    place::{Door, Scope},
    plane::Stage,
    readers::Readers,
    upstream::Upstream,
};

/// Descriptors for all of them, and room for whatever else the process has open.
const DESCRIPTORS: u64 = 2 * MAX_CONNECTIONS as u64 + 1_024;
/// How long open connections go on after [`Stop::Drain`] until their clients have left them.
/// Closing them at once would fail a request that a client sends at that very moment and may
/// not repeat.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long connections then have to reach the end of a request before they are cut.
pub const DRAIN_GRACE: Duration = Duration::from_secs(5);
/// How long listeners outlive [`Stop::Drain`], for handshakes that were under way.
pub(crate) const DRAIN_LISTEN: Duration = Duration::from_millis(200);
/// The thread's niceness: ahead of ordinary work, behind what the kernel and operators hold dear.
const NICE: i32 = -10;

/// The handle of a proxy, kept by its owner on any thread.
#[derive(Debug, Clone)]
pub struct Proxy {
    pub(crate) layers: Layers,
    pub(crate) stop: Arc<watch::Sender<Stop>>,
    bell: Arc<Mutex<Option<Bell>>>,
}

/// How the proxy is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    /// Not yet.
    #[default]
    Run,
    /// Rules are cleared at once, and clients are asked to connect anew without losing a request:
    /// on HTTP/1 by `Connection: close` in their next response, on HTTP/2 by a GOAWAY frame. What
    /// is still open after [`DRAIN_MAX`] ends when it is between two requests, and is cut after
    /// another [`DRAIN_GRACE`]; connections that nobody read are carried on to their end. Take the redirect away first: connections that arrive later are
    /// not accepted.
    Drain,
    /// Everything is cut at once, as if the process had died.
    Now,
}

/// Why a proxy cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The runtime or its timer could not be made; usually a limit on descriptors.
    #[error("start the proxy's event loop; check the limit on open files")]
    Start(#[source] io::Error),
    /// A listener is unusable.
    #[error("listen for redirected connections")]
    Listen(#[source] io::Error),
    /// The timer descriptor failed while running.
    #[error("keep the time of held messages")]
    Timer(#[source] io::Error),
}

impl Default for Proxy {
    fn default() -> Proxy {
        Proxy::new()
    }
}

impl Proxy {
    /// Returns a handle without a layer.
    #[must_use]
    pub fn new() -> Proxy {
        let stop = Arc::new(watch::Sender::new(Stop::Run));
        Proxy { layers: Layers::default(), stop, bell: Arc::default() }
    }

    /// Adds a layer, whose rules are idle until they are armed.
    #[must_use]
    pub fn layer(&self, scope: Scope) -> Layer {
        self.layers.add(scope, None)
    }

    /// Adds a layer that takes whole connections; those it gives back go on to the rules.
    #[must_use]
    pub fn stream_layer(&self, scope: Scope, stream: Box<dyn Stream>) -> Layer {
        self.layers.add(scope, Some(stream))
    }

    /// Reads the counters that all layers share.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.layers.shared.snapshot()
    }

    /// Tells the proxy to end; returns at once, [`run`] returns when it has.
    pub fn stop(&self, stop: Stop) {
        // A cut must not let go first what it is about to cut.
        if stop == Stop::Drain {
            self.layers.clear();
        }
        self.stop.send_replace(stop);
        self.bell().iter().for_each(Bell::ring);
    }

    fn bell(&self) -> std::sync::MutexGuard<'_, Option<Bell>> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a proxy on the calling thread, in whatever network namespace that is in. Asks for as many
/// open files of the process as its connections need, and for a higher priority of the thread that
/// holds messages, as a busy host would add to every delay; it goes on without. The lane has none:
/// it serves many sockets at a time when it runs after those who write to them.
///
/// # Errors
/// See [`ServeError`].
pub fn run(doors: Vec<Door>, upstream: Arc<dyn Upstream>, proxy: &Proxy) -> Result<(), ServeError> {
    allow_descriptors();
    let bell = Bell::new().map_err(ServeError::Start)?;
    let layers = proxy.layers.clone();
    let mut lane = Lane::new(doors, bell.clone(), Arc::clone(&upstream), layers)
        .map_err(ServeError::Listen)?;
    *proxy.bell() = Some(bell.clone());
    let mut readers = Readers::new(upstream, proxy.clone(), bell);
    let mut ends = Ends::default();
    loop {
        let now = BootTime::now();
        // Copied out: what is told is not held up by who listens.
        let stop = *proxy.stop.borrow();
        match stop {
            Stop::Now => return readers.join(),
            Stop::Drain => ends.begin(now),
            Stop::Run => {}
        }
        if now >= ends.listening {
            lane.close_doors();
            readers.take_no_more();
        }
        // What readers hand back still comes after the last connection arrived.
        if readers.are_done() && lane.is_idle() {
            return readers.join();
        }
        let until = if now < ends.listening { ends.listening } else { BootTime::NEVER };
        lane.round(until, &mut |arrived| readers.take(arrived)).map_err(ServeError::Start)?;
    }
}

/// Asks for what a thread that holds messages needs: to run as soon as their time has come. It goes
/// on without.
pub(crate) fn prepare_thread() {
    allow_descriptors();
    // For Linux no process means the calling thread, alone.
    let _unprivileged = setpriority_process(None, NICE);
}

/// Raises the soft limit on open files, often 1,024, towards what the connections need. Beyond it
/// clients would wait in the backlog, which is more than the fault they were meant to see.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|now| now < needed) {
        limit.current = Some(needed);
        let _refused = setrlimit(Resource::Nofile, limit);
    }
}

/// The moments of an orderly end; none has come while running.
pub(crate) struct Ends {
    listening: BootTime,
    closing: BootTime,
    pub(crate) cut: BootTime,
}

impl Default for Ends {
    fn default() -> Ends {
        Ends { listening: BootTime::NEVER, closing: BootTime::NEVER, cut: BootTime::NEVER }
    }
}

impl Ends {
    pub(crate) fn begin(&mut self, now: BootTime) {
        if self.cut == BootTime::NEVER {
            self.listening = now.after(DRAIN_LISTEN);
            self.closing = now.after(DRAIN_MAX);
            self.cut = now.after(DRAIN_MAX + DRAIN_GRACE);
        }
    }

    pub(crate) fn stage(&self, now: BootTime) -> Stage {
        match self.cut {
            BootTime::NEVER => Stage::Running,
            _ if now < self.closing => Stage::Draining,
            _ => Stage::Closing,
        }
    }

    pub(crate) fn next(&self, now: BootTime) -> BootTime {
        let all = [self.listening, self.closing, self.cut];
        all.into_iter().find(|moment| now < *moment).unwrap_or(BootTime::NEVER)
    }
}
