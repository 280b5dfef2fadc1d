//! The readers: a thread with a task for each connection that somebody wants to read (HTTP, TLS, DNS
//! over TCP). It is started with the first such connection.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
};

use bytes::BytesMut;
use tokio::{
    net::TcpStream,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinSet,
};

use crate::{
    counters::Open,
    delay::{BootTime, Timer, Watched},
    http1, http2,
    lane::{Arrived, Bell, Handed},
    layers::{Connection, Served},
    notice::Notice,
    place::Place,
    plane::{Plane, Stage},
    serve::{Ends, Proxy, ServeError, Stop, prepare_thread},
    sniff::{self, Spoken},
    upstream::{self, Dialed, Upstream},
};

/// The readers of one proxy, as its lane sees them.
pub(crate) struct Readers {
    upstream: Arc<dyn Upstream>,
    proxy: Proxy,
    bell: Bell,
    running: Option<Running>,
    taking: bool,
}

struct Running {
    /// Dropped when no more connections come.
    arrivals: Option<UnboundedSender<Arrived>>,
    thread: JoinHandle<Result<(), ServeError>>,
    /// Set when the thread has nothing left to do, before it rings.
    done: Arc<AtomicBool>,
}

impl Readers {
    pub(crate) fn new(upstream: Arc<dyn Upstream>, proxy: Proxy, bell: Bell) -> Readers {
        Readers { upstream, proxy, bell, running: None, taking: true }
    }

    /// Has a connection read. One that cannot be is cut, as its client is owed an answer.
    pub(crate) fn take(&mut self, arrived: Arrived) {
        if self.running.is_none() {
            self.running = self.start().ok();
        }
        let arrivals = self.running.as_ref().and_then(|running| running.arrivals.as_ref());
        let left = match arrivals {
            Some(arrivals) => arrivals.send(arrived).err().map(|unsent| unsent.0),
            None => Some(arrived),
        };
        if let Some(arrived) = left {
            self.proxy.layers.shared.failed();
            upstream::reset_on_close(&arrived.client);
        }
    }

    pub(crate) fn take_no_more(&mut self) {
        self.taking = false;
        if let Some(running) = &mut self.running {
            running.arrivals = None;
        }
    }

    /// Whether the last connection that was read has ended, and no more come.
    pub(crate) fn are_done(&self) -> bool {
        let ended = self.running.as_ref().is_none_or(|running| running.done.load(SeqCst));
        // A thread that failed ends the proxy: its redirect must not lead to nobody.
        ended && (!self.taking || self.running.is_some())
    }

    /// Waits for the thread, which was told to end.
    pub(crate) fn join(&mut self) -> Result<(), ServeError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        drop(running.arrivals);
        let died = |_| Err(ServeError::Start(io::Error::other("the readers died")));
        running.thread.join().unwrap_or_else(died)
    }

    fn start(&self) -> io::Result<Running> {
        let (arrivals, arriving) = unbounded_channel();
        let (upstream, proxy, bell) =
            (Arc::clone(&self.upstream), self.proxy.clone(), self.bell.clone());
        let done = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&done);
        let body = move || {
            prepare_thread();
            let served = Watched::new().map_err(ServeError::Start).and_then(
                |Watched { runtime, notice }| {
                    runtime.block_on(serve(arriving, upstream, &proxy, bell.clone(), notice))
                },
            );
            ending.store(true, SeqCst);
            bell.ring();
            served
        };
        let thread = std::thread::Builder::new().name("squall-read".to_owned()).spawn(body)?;
        Ok(Running { arrivals: Some(arrivals), thread, done })
    }
}

/// Reads connections until told to stop; dropping the future cuts every one.
async fn serve(
    mut arriving: UnboundedReceiver<Arrived>,
    upstream: Arc<dyn Upstream>,
    proxy: &Proxy,
    bell: Bell,
    notice: Arc<Notice>,
) -> Result<(), ServeError> {
    let timer = Timer::of(notice).map_err(ServeError::Start)?;
    let (stage_sender, stage) = watch::channel(Stage::Running);
    let plane = Arc::new(Plane {
        upstream,
        layers: proxy.layers.clone(),
        counters: Arc::clone(&proxy.layers.shared),
        timer: timer.clone(),
        stage,
        bell,
    });
    let mut driver = std::pin::pin!(timer.drive());
    let mut stop = proxy.stop.subscribe();
    let mut connections = JoinSet::new();
    let mut ends = Ends::default();
    let mut more = true;
    loop {
        let now = BootTime::now();
        match *stop.borrow_and_update() {
            Stop::Now => return Ok(()),
            Stop::Drain => ends.begin(now),
            Stop::Run => {}
        }
        stage_sender.send_if_modified(|stage| {
            let before = *stage;
            *stage = ends.stage(now);
            before != *stage
        });
        if now >= ends.cut || (!more && connections.is_empty()) {
            return Ok(());
        }
        tokio::select! {
            failed = &mut driver => return failed.map_err(ServeError::Timer),
            _changed = stop.changed() => {}
            arrived = arriving.recv(), if more => match arrived {
                Some(arrived) => {
                    connections.spawn(connection(Arc::clone(&plane), arrived));
                }
                None => more = false,
            },
            Some(_ended) = connections.join_next() => {}
            () = timer.until(ends.next(now)) => {}
        }
    }
}

async fn connection(plane: Arc<Plane>, arrived: Arrived) {
    let Arrived { client, place, open, at } = arrived;
    let Ok(client) = TcpStream::from_std(client) else {
        return plane.counters.failed();
    };
    let connection = Connection {
        client,
        early: BytesMut::new(),
        at,
        place,
        timer: plane.timer.clone(),
        upstream: Arc::clone(&plane.upstream),
        dialed: None,
    };
    let Served::On(mut connection) = plane.layers.stream(connection).await else { return };
    let reached = connection.dial().await.is_ok();
    let Connection { mut client, mut early, mut at, place, dialed, .. } = *connection;
    let Some(mut dialed) = dialed.filter(|_| reached) else {
        plane.counters.failed();
        return upstream::reset_on_close(&client);
    };
    let spoken = if plane.layers.armed(&place, BootTime::now()) {
        sniff::sniff(&plane, &mut client, &dialed.stream, (&mut early, &mut at)).await
    } else {
        Ok(Spoken::Unread)
    };
    let ended = match spoken {
        Ok(Spoken::Unread) => return hand_back(&plane, client, dialed, early, open),
        // Rules may end while the client makes up its mind.
        Ok(_) if !plane.layers.armed(&place, BootTime::now()) => {
            return hand_back(&plane, client, dialed, early, open);
        }
        Ok(spoken) => {
            speak(&plane, spoken, &mut client, &mut dialed.stream, place, (early, at)).await
        }
        Err(error) => Err(error),
    };
    if !matches!(ended, Ok(true)) {
        // A half that broke is passed on as what it was: a reset, not an end.
        plane.counters.failed();
        upstream::reset_on_close(&client);
        upstream::reset_on_close(&dialed.stream);
    }
    drop(client);
    drop(dialed.stream);
    drop(dialed.exemption);
    drop(open);
}

/// Gives a connection that is nobody's to read to the lane.
fn hand_back(plane: &Plane, client: TcpStream, dialed: Dialed, early: BytesMut, open: Open) {
    let (Ok(client), Ok(service)) = (client.into_std(), dialed.stream.into_std()) else {
        return plane.counters.failed();
    };
    let (early, exemption) = (early.into(), dialed.exemption);
    plane.bell.hand(Handed { client, service, early, exemption, open });
}

/// Serves one connection in its protocol; tells whether both directions ended well.
async fn speak(
    plane: &Arc<Plane>,
    spoken: Spoken,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    early: (BytesMut, BootTime),
) -> io::Result<bool> {
    match spoken {
        Spoken::Http2 => http2::relay(plane, client, upstream, place, early).await,
        _ => http1::relay(plane, client, upstream, place, early).await,
    }
}
