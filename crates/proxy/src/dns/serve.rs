//! Runs the answerer: its doors, its handle, its end.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener, UdpSocket as StdUdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinSet,
};

use super::{
    counters::Counters,
    datagram,
    message::{self, Name, Query},
    rules::{Rule, Transport, Verdict, Why},
    stream,
};
use crate::{
    delay::{BootTime, Timer, Watched},
    lane::ACCEPT_PAUSE,
    notice::Notice,
    serve::{DRAIN_LISTEN, DRAIN_MAX, ServeError, Stop, prepare_thread},
    switch::{Armed, Switch},
};

/// The largest datagram there is.
pub(super) const DATAGRAM_BYTES: usize = 65_535;
/// How long a real resolver may take for the addresses of an alias; clients ask again by then.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// The most TCP connections of one door; more wait in the backlog.
const CONNECTIONS_MAX: usize = 1_024;

/// Where questions to one resolver arrive.
#[derive(Debug)]
pub struct Door {
    /// Over UDP.
    pub udp: StdUdpSocket,
    /// Over TCP.
    pub tcp: StdListener,
}

/// Tells which resolver a client meant.
pub trait Origins: Send + Sync + 'static {
    /// Returns the address that was dialed, by the number of the door; `None` where nobody was
    /// sent here.
    fn of(&self, door: usize) -> Option<SocketAddr>;
}

/// The handle of an answerer, kept by its owner on any thread.
#[derive(Debug, Clone, Default)]
pub struct Answerer {
    rules: Switch<Rule>,
    counters: Arc<Counters>,
    stop: Arc<watch::Sender<Stop>>,
}

impl Answerer {
    /// Returns the switch of its rule.
    #[must_use]
    pub fn rules(&self) -> &Switch<Rule> {
        &self.rules
    }

    /// Returns the counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells it to end; returns at once. With [`Stop::Drain`] the rule is cleared and questions
    /// of sockets that were connected before are forwarded a little longer.
    pub fn stop(&self, stop: Stop) {
        if stop == Stop::Drain {
            self.rules.clear();
        }
        self.stop.send_replace(stop);
    }
}

/// What all tasks of an answerer share.
pub(super) struct Desk {
    pub(super) origins: Arc<dyn Origins>,
    pub(super) rules: Switch<Rule>,
    pub(super) counters: Arc<Counters>,
    pub(super) timer: Timer,
    /// One buffer for whatever is received next: all tasks are on one thread.
    pub(super) scratch: Mutex<Vec<u8>>,
}

/// A verdict and the rules that gave it.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) armed: Option<Arc<Armed<Rule>>>,
    pub(super) query: Option<Query>,
}

/// Runs an answerer on the calling thread until it is told to stop.
///
/// # Errors
/// See [`ServeError`].
pub fn run(
    doors: Vec<Door>,
    origins: Arc<dyn Origins>,
    answerer: &Answerer,
) -> Result<(), ServeError> {
    prepare_thread();
    let Watched { runtime, notice } = Watched::new().map_err(ServeError::Start)?;
    runtime.block_on(serve(doors, origins, answerer, notice))
}

async fn serve(
    doors: Vec<Door>,
    origins: Arc<dyn Origins>,
    answerer: &Answerer,
    notice: Arc<Notice>,
) -> Result<(), ServeError> {
    let timer = Timer::of(notice).map_err(ServeError::Start)?;
    let desk = Arc::new(Desk {
        origins,
        rules: answerer.rules.clone(),
        counters: Arc::clone(&answerer.counters),
        timer: timer.clone(),
        scratch: Mutex::new(vec![0; DATAGRAM_BYTES]),
    });
    let mut tasks = JoinSet::new();
    for (number, door) in doors.into_iter().enumerate() {
        let (udp, tcp) = adopt(door).map_err(ServeError::Listen)?;
        tasks.spawn(datagram::serve(Arc::clone(&desk), number, udp));
        tasks.spawn(accept(Arc::clone(&desk), number, tcp, answerer.stop.subscribe()));
    }
    let mut driver = std::pin::pin!(timer.drive());
    let mut stop = answerer.stop.subscribe();
    let mut end = BootTime::NEVER;
    loop {
        match *stop.borrow_and_update() {
            Stop::Now => return Ok(()),
            Stop::Drain if end == BootTime::NEVER => end = BootTime::now().after(DRAIN_MAX),
            Stop::Drain | Stop::Run => {}
        }
        tokio::select! {
            failed = &mut driver => return failed.map_err(ServeError::Timer),
            _changed = stop.changed() => {}
            () = timer.until(end) => return Ok(()),
        }
    }
}

fn adopt(door: Door) -> io::Result<(UdpSocket, TcpListener)> {
    door.udp.set_nonblocking(true)?;
    door.tcp.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(door.udp)?, TcpListener::from_std(door.tcp)?))
}

/// Accepts until it is told to end and a little longer, for handshakes under way; connections go
/// on as long as the answerer.
async fn accept(
    desk: Arc<Desk>,
    door: usize,
    listener: TcpListener,
    mut stop: watch::Receiver<Stop>,
) {
    let mut connections = JoinSet::new();
    let mut closing = BootTime::NEVER;
    loop {
        if *stop.borrow_and_update() == Stop::Drain && closing == BootTime::NEVER {
            closing = BootTime::now().after(DRAIN_LISTEN);
        }
        let open = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            accepted = listener.accept(), if open => match accepted {
                Ok((client, _peer)) => {
                    connections.spawn(stream::serve(Arc::clone(&desk), door, client));
                }
                Err(_error) => {
                    desk.counters.failed();
                    desk.timer.until(BootTime::now().after(ACCEPT_PAUSE)).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
            Ok(()) = stop.changed() => {}
            () = desk.timer.until(closing) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

impl Desk {
    /// Decides on one message.
    pub(super) fn judge(&self, message: &[u8], transport: Transport) -> Judged {
        let pass = Verdict::Pass(Why::Other);
        let Some(armed) = self.rules.armed(BootTime::now()) else {
            return Judged { verdict: pass, armed: None, query: None };
        };
        let Some(query) = Query::read(message) else {
            self.counters.not_read();
            return Judged { verdict: pass, armed: None, query: None };
        };
        let verdict = armed.rules.judge(message, &query, transport, &mut armed.dice());
        let matched = verdict != pass;
        if verdict == Verdict::Pass(Why::Spared) {
            self.counters.spared();
        }
        self.counters.query(&query.name, matched, transport == Transport::Tcp);
        Judged { verdict, armed: Some(armed), query: Some(query) }
    }

    /// Holds a message for its time, or until its rule is over.
    pub(super) async fn hold(&self, asked: Duration, armed: &Arc<Armed<Rule>>) {
        let start = self.timer.counts_from();
        tokio::select! {
            () = self.timer.until(start.after(asked)) => {
                self.counters.held(asked, BootTime::now().since(start));
            }
            () = self.rules.over(armed, &self.timer) => {}
        }
    }

    /// Asks the real resolver about an alias; returns the answer to the question that was asked,
    /// or, as resolvers do that cannot find out, that it failed.
    pub(super) async fn alias(
        &self,
        origin: SocketAddr,
        transport: Transport,
        message: &[u8],
        query: &Query,
        alias: (&Name, u32),
    ) -> Vec<u8> {
        let question = query.about(alias.0);
        let real = async {
            match transport {
                Transport::Udp => ask_udp(origin, &question).await,
                Transport::Tcp => ask_tcp(origin, &question).await,
            }
        };
        let real = tokio::select! {
            real = real => real.ok(),
            () = self.timer.until(BootTime::now().after(LOOKUP_PATIENCE)) => None,
        };
        self.counters.hurt();
        let Some(found) = real.and_then(|real| message::answers(&real, alias.1)) else {
            self.counters.failed();
            return query.failed(message, message::Rcode::ServFail);
        };
        let mut records = vec![message::Record::cname(alias.1, alias.0)];
        records.extend(found);
        let reply = query.answered(message, &records);
        let fits = transport == Transport::Tcp || reply.len() <= query.udp_bytes_max();
        if fits { reply } else { query.truncated(message) }
    }
}

/// Connects a socket of the same family as the resolver.
pub(super) async fn connect_udp(origin: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match origin {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(origin).await?;
    Ok(socket)
}

async fn ask_udp(origin: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let socket = connect_udp(origin).await?;
    socket.send(question).await?;
    let mut answer = vec![0; DATAGRAM_BYTES];
    let count = socket.recv(&mut answer).await?;
    answer.truncate(count);
    Ok(answer)
}

async fn ask_tcp(origin: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(&super::framing::framed(question)).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
