//! Owns the generator's connections and what one request does on them. Reads no clock.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::Semaphore};

use super::tally::Outcome;
use crate::endings::SAID_MAX;

/// Streams put on one HTTP/2 connection before another is opened; services allow about this many.
const STREAMS_PER_CONNECTION: usize = 100;

type Body = Full<Bytes>;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("exchange: {0}")]
    Exchange(#[source] hyper::Error),
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// The start of the body of an answer that is no success.
    pub(super) said: Option<String>,
}

/// Connections to one address, opened when needed, up to a limit.
pub(super) enum Connections {
    /// One request at a time on each; the others wait.
    Http1 { address: Address, room: Semaphore, idle: Mutex<Vec<http1::SendRequest<Body>>> },
    /// Many streams on each.
    Http2 { address: Address, most: usize, open: Mutex<Vec<Shared>>, opening: Semaphore },
}

/// Where to connect.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An HTTP/2 connection and how many streams are on it.
#[derive(Clone)]
pub(super) struct Shared {
    sender: http2::SendRequest<Body>,
    streams: Arc<AtomicUsize>,
}

impl Connections {
    pub(super) fn http1(address: Address, most: usize) -> Connections {
        Connections::Http1 { address, room: Semaphore::new(most), idle: Mutex::default() }
    }

    pub(super) fn http2(address: Address, most: usize) -> Connections {
        let opening = Semaphore::new(1);
        Connections::Http2 { address, most, open: Mutex::default(), opening }
    }

    /// Sends a request and reads the whole answer. Dropping the future gives
    /// the request up, and on HTTP/1 its connection with it.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Answer, Failure> {
        match self {
            Connections::Http1 { address, room, idle } => {
                let _room = room.acquire().await.expect("invariant: nobody closes the semaphore");
                send_http1(address, idle, request).await
            }
            Connections::Http2 { address, most, open, opening } => {
                let shared = pick(address, *most, open, opening).await?;
                send_http2(shared, request).await
            }
        }
    }
}

fn lock<T>(all: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    // Nothing that can panic runs under the lock.
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_http1(
    address: &Address,
    idle: &Mutex<Vec<http1::SendRequest<Body>>>,
    mut request: Request<Body>,
) -> Result<Answer, Failure> {
    loop {
        let kept = lock(idle).pop();
        let fresh = kept.is_none();
        let mut sender = match kept {
            Some(sender) if sender.is_closed() => continue,
            Some(sender) => sender,
            None => open_http1(address).await?,
        };
        match sender.try_send_request(request).await {
            Ok(response) => {
                let answer = finish(response).await?;
                // A connection that is about to close is noticed when it is taken again.
                lock(idle).push(sender);
                return Ok(answer);
            }
            Err(mut error) => match error.take_message() {
                // The service closed a kept connection before anything was sent on it.
                Some(unsent) if !fresh => request = unsent,
                _ => return Err(Failure::Exchange(error.into_error())),
            },
        }
    }
}

async fn send_http2(mut shared: Shared, request: Request<Body>) -> Result<Answer, Failure> {
    let _stream = Stream::on(&shared.streams);
    let response = shared.sender.send_request(request).await.map_err(Failure::Exchange)?;
    finish(response).await
}

/// Counts a stream as open while it is carried, also when it is given up.
struct Stream(Arc<AtomicUsize>);

impl Stream {
    fn on(streams: &Arc<AtomicUsize>) -> Stream {
        streams.fetch_add(1, Relaxed);
        Stream(Arc::clone(streams))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Reads the body to its end and keeps no more of it than a person reads of a failure.
async fn finish(response: Response<Incoming>) -> Result<Answer, Failure> {
    let code = response.status().as_u16();
    let failed = Outcome::of_status(code) != Outcome::Ok;
    let (mut body, mut start) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Failure::Exchange)?;
        if let Some(bytes) = frame.data_ref().filter(|_| failed) {
            start.extend(bytes.iter().take(SAID_MAX - start.len()));
        }
    }
    let said = String::from_utf8_lossy(&start).replace(char::is_control, " ");
    let said = said.trim();
    Ok(Answer { code, said: (!said.is_empty()).then(|| said.to_owned()) })
}

/// Picks the HTTP/2 connection with the most room, or opens one.
async fn pick(
    address: &Address,
    most: usize,
    open: &Mutex<Vec<Shared>>,
    opening: &Semaphore,
) -> Result<Shared, Failure> {
    if let Some(shared) = roomy(most, open) {
        return Ok(shared);
    }
    // One opens at a time, or a burst would open many for the same few streams.
    let _turn = opening.acquire().await.expect("invariant: nobody closes the semaphore");
    if let Some(shared) = roomy(most, open) {
        return Ok(shared);
    }
    let stream = connect(address).await?;
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.map_err(Failure::Exchange)?;
    tokio::spawn(connection);
    let shared = Shared { sender, streams: Arc::default() };
    lock(open).push(shared.clone());
    Ok(shared)
}

fn roomy(most: usize, open: &Mutex<Vec<Shared>>) -> Option<Shared> {
    let mut open = lock(open);
    open.retain(|shared| !shared.sender.is_closed());
    let least = open.iter().min_by_key(|shared| shared.streams.load(Relaxed))?;
    let room = least.streams.load(Relaxed) < STREAMS_PER_CONNECTION || open.len() >= most;
    room.then(|| least.clone())
}

async fn open_http1(address: &Address) -> Result<http1::SendRequest<Body>, Failure> {
    let stream = connect(address).await?;
    let (sender, connection) = http1::handshake(stream).await.map_err(Failure::Exchange)?;
    // Ends by itself when the sender is dropped or the service closes.
    tokio::spawn(connection);
    Ok(sender)
}

async fn connect(address: &Address) -> Result<TokioIo<TcpStream>, Failure> {
    let target = (address.host.as_str(), address.port);
    let stream = TcpStream::connect(target).await.map_err(Failure::Connect)?;
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    Ok(TokioIo::new(stream))
}
