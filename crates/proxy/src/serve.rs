//! Accepts redirected connections, gives each its task, and ends them in order.

use std::{io, sync::Arc, task::Poll, time::Duration};

use bytes::BytesMut;
use rustix::process::{Resource, getrlimit, setpriority_process, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    bytes_through,
    counters::Snapshot,
    delay::{BootTime, Timer},
    http1, http2,
    layers::{Connection, Layer, Layers, Served, Stream},
    place::{Door, Place, Scope, Way},
    plane::{Plane, Stage},
    sniff::{self, Spoken},
    upstream::{self, Upstream},
};

/// The most connections proxied at once, two descriptors each; more wait in the backlog.
pub const MAX_CONNECTIONS: usize = 8_192;
/// Descriptors for all of them, and room for whatever else the process has open.
const DESCRIPTORS: u64 = 2 * MAX_CONNECTIONS as u64 + 1_024;
/// How long open connections go on after [`Stop::Drain`] until their clients have left them.
/// Closing them at once would fail a request that a client sends at that very moment and may
/// not repeat.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long connections then have to reach the end of a request before they are cut.
pub const DRAIN_GRACE: Duration = Duration::from_secs(5);
/// How long listeners outlive [`Stop::Drain`], for handshakes that were under way.
const DRAIN_LISTEN: Duration = Duration::from_millis(200);
/// How many tasks may run before sockets and the timer are looked at again; the usual 61 would
/// let a busy proxy be late with a held message.
pub(crate) const EVENT_INTERVAL: u32 = 8;
/// The thread's niceness: ahead of ordinary work, behind what the kernel and operators hold dear.
const NICE: i32 = -10;
/// How long accepting pauses when the process has no descriptor left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The handle of a proxy, kept by its owner on any thread.
#[derive(Debug, Clone)]
pub struct Proxy {
    layers: Layers,
    stop: Arc<watch::Sender<Stop>>,
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
    /// another [`DRAIN_GRACE`]. Take the redirect away first: connections that arrive later are
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
        Proxy { layers: Layers::default(), stop: Arc::new(watch::Sender::new(Stop::Run)) }
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

    /// Tells the proxy to end; returns at once, `serve` returns when it has.
    pub fn stop(&self, stop: Stop) {
        // A cut must not let go first what it is about to cut.
        if stop == Stop::Drain {
            self.layers.clear();
        }
        self.stop.send_replace(stop);
    }
}

/// Runs a proxy on the calling thread, in whatever network namespace that is in. Asks for a
/// higher priority of that thread, as a busy host would add to every delay, and for as many open
/// files of the process as its connections need; it goes on without.
///
/// # Errors
/// See [`ServeError`].
pub fn run(doors: Vec<Door>, upstream: Arc<dyn Upstream>, proxy: &Proxy) -> Result<(), ServeError> {
    prepare_thread();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .event_interval(EVENT_INTERVAL)
        .build()
        .map_err(ServeError::Start)?;
    runtime.block_on(serve(doors, upstream, proxy))
}

/// Asks for what a thread of the data plane needs; goes on without what it does not get.
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

/// Proxies until told to stop; dropping the future cuts every connection.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    doors: Vec<Door>,
    upstream: Arc<dyn Upstream>,
    proxy: &Proxy,
) -> Result<(), ServeError> {
    let mut listeners = adopt(doors).map_err(ServeError::Listen)?;
    let timer = Timer::new().map_err(ServeError::Start)?;
    let (stage_sender, stage) = watch::channel(Stage::Running);
    let plane = Arc::new(Plane {
        upstream,
        layers: proxy.layers.clone(),
        counters: Arc::clone(&proxy.layers.shared),
        timer: timer.clone(),
        stage,
    });
    let mut driver = std::pin::pin!(timer.drive());
    let mut stop = proxy.stop.subscribe();
    let mut connections = JoinSet::new();
    let mut accept_after = BootTime(0);
    let mut ends = Ends::default();
    loop {
        let now = BootTime::now();
        match *stop.borrow_and_update() {
            Stop::Now => return Ok(()),
            Stop::Drain => ends.begin(now),
            Stop::Run => {}
        }
        if now >= ends.listening {
            listeners.clear();
        }
        stage_sender.send_if_modified(|stage| {
            let before = *stage;
            *stage = ends.stage(now);
            before != *stage
        });
        if now >= ends.cut || (listeners.is_empty() && connections.is_empty()) {
            return Ok(());
        }
        let open = connections.len() < MAX_CONNECTIONS && now >= accept_after;
        tokio::select! {
            failed = &mut driver => return failed.map_err(ServeError::Timer),
            _changed = stop.changed() => {}
            accepted = accept(&listeners), if open => match accepted {
                Ok((client, way)) => {
                    connections.spawn(connection(Arc::clone(&plane), client, way));
                }
                Err(_error) => {
                    plane.counters.failed();
                    accept_after = now.after(ACCEPT_PAUSE);
                }
            },
            Some(_ended) = connections.join_next() => {}
            () = timer.until(accept_after), if now < accept_after => {}
            () = timer.until(ends.next(now)) => {}
        }
    }
}

/// The moments of an orderly end; none has come while running.
struct Ends {
    listening: BootTime,
    closing: BootTime,
    cut: BootTime,
}

impl Default for Ends {
    fn default() -> Ends {
        Ends { listening: BootTime::NEVER, closing: BootTime::NEVER, cut: BootTime::NEVER }
    }
}

impl Ends {
    fn begin(&mut self, now: BootTime) {
        if self.cut == BootTime::NEVER {
            self.listening = now.after(DRAIN_LISTEN);
            self.closing = now.after(DRAIN_MAX);
            self.cut = now.after(DRAIN_MAX + DRAIN_GRACE);
        }
    }

    fn stage(&self, now: BootTime) -> Stage {
        match self.cut {
            BootTime::NEVER => Stage::Running,
            _ if now < self.closing => Stage::Draining,
            _ => Stage::Closing,
        }
    }

    fn next(&self, now: BootTime) -> BootTime {
        let all = [self.listening, self.closing, self.cut];
        all.into_iter().find(|moment| now < *moment).unwrap_or(BootTime::NEVER)
    }
}

fn adopt(doors: Vec<Door>) -> io::Result<Vec<(TcpListener, Way)>> {
    let adopt = |door: Door| {
        door.listener.set_nonblocking(true)?;
        Ok((TcpListener::from_std(door.listener)?, door.way))
    };
    doors.into_iter().map(adopt).collect()
}

/// Waits for a connection on any listener.
async fn accept(listeners: &[(TcpListener, Way)]) -> io::Result<(TcpStream, Way)> {
    std::future::poll_fn(|context| {
        for (listener, way) in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted.map(|(client, _peer)| (client, *way)));
            }
        }
        Poll::Pending
    })
    .await
}

/// Counts a connection as open while it lives, also when its task is dropped.
struct Open(Arc<Plane>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.closed();
    }
}

async fn connection(plane: Arc<Plane>, client: TcpStream, way: Way) {
    plane.counters.opened();
    let _open = Open(Arc::clone(&plane));
    let placed = client.set_nodelay(true);
    let Ok(place) = placed.and_then(|()| upstream::place(&plane.upstream, way, &client)) else {
        plane.counters.failed();
        return upstream::reset_on_close(&client);
    };
    let timer = plane.timer.clone();
    let connection = Connection {
        client,
        early: BytesMut::new(),
        place,
        timer,
        upstream: Arc::clone(&plane.upstream),
        dialed: None,
    };
    let Served::On(mut connection) = plane.layers.stream(connection).await else { return };
    let reached = connection.dial().await.is_ok();
    let Connection { mut client, early, place, dialed, .. } = *connection;
    let Some(mut dialed) = dialed.filter(|_| reached) else {
        plane.counters.failed();
        return upstream::reset_on_close(&client);
    };
    let ended = speak(&plane, &mut client, &mut dialed.stream, place, early).await;
    if !matches!(ended, Ok(true)) {
        // A half that broke is passed on as what it was: a reset, not an end.
        plane.counters.failed();
        upstream::reset_on_close(&client);
        upstream::reset_on_close(&dialed.stream);
    }
    drop(client);
    drop(dialed.stream);
    drop(dialed.exemption);
}

/// Serves one connection in its protocol; tells whether both directions ended well.
async fn speak(
    plane: &Arc<Plane>,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    mut early: BytesMut,
) -> io::Result<bool> {
    match sniff::sniff(plane, client, upstream, &mut early).await? {
        Spoken::Http2 if plane.layers.armed(&place, BootTime::now()) => {
            http2::bridge(plane, client, upstream, place, early).await
        }
        Spoken::Http2 => bytes_through::both_ways(client, upstream, early, &plane.counters).await,
        Spoken::Other => http1::relay(plane, client, upstream, place, early).await,
    }
}
