//! Moves the bytes of an HTTP/1 connection, request by request, late where a
//! rule says so, and as plain bytes once it does not understand them.

use std::io;

use bytes::BytesMut;
use tokio::net::{
    TcpStream,
    tcp::{ReadHalf, WriteHalf},
};

use super::{
    body::{Body, Chunk},
    exchange::{Exchange, Exchanges, Switch},
    head::{Found, HeadScan, Kind, Length, RequestHead, ResponseHead},
};
use crate::{
    bytes_through::{self, End},
    delay::BootTime,
    layers::Held,
    place::Place,
    plane::{Plane, Stage},
    rules::Request,
    sniff::HEAD_PATIENCE,
};

/// Relays a connection until both directions ended, or until it is quiet while the proxy
/// closes; tells whether it ended well.
pub(crate) async fn relay(
    plane: &Plane,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    early: BytesMut,
) -> io::Result<bool> {
    let (client_reads, client_writes) = client.split();
    let (upstream_reads, upstream_writes) = upstream.split();
    let exchanges = Exchanges::default();
    let requests = Direction {
        plane,
        place,
        exchanges: &exchanges,
        from: client_reads,
        to: upstream_writes,
        buf: early,
        arrived: BootTime::now(),
    };
    let responses = Direction {
        plane,
        place,
        exchanges: &exchanges,
        from: upstream_reads,
        to: client_writes,
        buf: BytesMut::new(),
        arrived: BootTime::now(),
    };
    let closing = async {
        plane.reached(Stage::Closing).await;
        exchanges.quiet().await;
    };
    tokio::select! {
        ended = async { tokio::try_join!(requests.requests(), responses.responses()) } => {
            let (up, down) = ended?;
            Ok((up, down) == (End::Finished, End::Finished))
        }
        () = closing => Ok(true),
    }
}

/// One direction of a connection, with the bytes read but not yet forwarded.
struct Direction<'a> {
    plane: &'a Plane,
    place: Place,
    exchanges: &'a Exchanges,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    buf: BytesMut,
    /// When the last of these bytes came.
    arrived: BootTime,
}

/// Why a direction leaves HTTP.
enum Leave {
    /// What follows, and is at hand, is plain bytes.
    Plain,
    /// It ended.
    Ended(End),
    Failed(io::Error),
}

impl From<End> for Leave {
    fn from(end: End) -> Leave {
        Leave::Ended(end)
    }
}

/// What to do with a head.
struct Verdict {
    holds: Vec<Held>,
    body: Option<Body>,
    may_switch: bool,
    /// Whether the connection could end after this response.
    last: bool,
}

impl Direction<'_> {
    /// Carries requests to the service.
    async fn requests(mut self) -> io::Result<End> {
        loop {
            let left = match self.request().await {
                Ok(()) => continue,
                Err(left) => left,
            };
            return self.leave(left).await;
        }
    }

    /// Carries responses to the client.
    async fn responses(mut self) -> io::Result<End> {
        loop {
            let left = match self.response().await {
                Ok(()) => continue,
                Err(left) => left,
            };
            return self.leave(left).await;
        }
    }

    async fn leave(mut self, left: Leave) -> io::Result<End> {
        match left {
            Leave::Ended(end) => Ok(end),
            Leave::Failed(error) => Err(error),
            Leave::Plain => {
                self.exchanges.became_plain();
                let counters = &self.plane.counters;
                bytes_through::flow(&mut self.from, &mut self.to, self.buf, counters).await
            }
        }
    }

    /// Carries one request.
    async fn request(&mut self) -> Result<(), Leave> {
        let length = self.head(Kind::Request).await?;
        if self.exchanges.leaving() {
            // The client was told that nothing more is carried, and will send this elsewhere.
            return Err(self.finish().await);
        }
        let verdict = self.judge_request(length);
        self.plane.hold_all(&verdict.holds, self.arrived).await;
        self.pass(length).await?;
        let Some(body) = verdict.body else {
            self.plane.counters.not_read();
            return Err(Leave::Plain);
        };
        self.body(body).await?;
        self.exchanges.end_request();
        if verdict.may_switch { self.switch().await } else { Ok(()) }
    }

    /// Carries one response, interim or final.
    async fn response(&mut self) -> Result<(), Leave> {
        let length = self.head(Kind::Response).await?;
        let verdict = self.judge_response(length);
        self.plane.hold_all(&verdict.holds, self.arrived).await;
        let draining = *self.plane.stage.borrow() >= Stage::Draining;
        let last = draining && verdict.last && self.exchanges.leave();
        if last {
            self.pass_as_last(length).await?
        } else {
            self.pass(length).await?
        }
        let Some(body) = verdict.body else {
            return Err(Leave::Plain);
        };
        self.body(body).await?;
        self.exchanges.end_response();
        if last { Err(self.finish().await) } else { Ok(()) }
    }

    /// Forwards a response head with one line more, which asks the client to connect anew. It is
    /// the only thing ever added to the bytes, and only once the rules have ended: without it,
    /// closing a connection could cross a request on its way.
    async fn pass_as_last(&mut self, length: usize) -> Result<(), Leave> {
        let empty_line = if self.buf[..length].ends_with(b"\r\n") { 2 } else { 1 };
        let mut head = self.buf.split_to(length);
        let end = head.split_off(length - empty_line);
        head.extend_from_slice(b"Connection: close\r\n");
        head.extend_from_slice(&end);
        let count = head.len();
        let counters = &self.plane.counters;
        Ok(bytes_through::write(&mut self.to, &mut head, count, counters).await?)
    }

    /// Reads until a whole head is at hand, and returns its length.
    async fn head(&mut self, kind: Kind) -> Result<usize, Leave> {
        let mut scan = HeadScan::default();
        let mut patience = BootTime::NEVER;
        loop {
            if !self.buf.is_empty() {
                if kind == Kind::Request {
                    self.exchanges.begin_request();
                }
                match scan.find(kind, &self.buf) {
                    Found::Head(length) => return Ok(length),
                    Found::NotHttp => {
                        self.plane.counters.not_read();
                        return Err(Leave::Plain);
                    }
                    Found::More if patience == BootTime::NEVER => {
                        patience = BootTime::now().after(HEAD_PATIENCE);
                    }
                    Found::More => {}
                }
            }
            let timer = self.plane.timer.until(patience);
            tokio::select! {
                read = bytes_through::read(&mut self.from, &mut self.buf) => {
                    self.arrived = BootTime::now();
                    if read.map_err(Leave::Failed)? == 0 {
                        // An unfinished head and the end behind it go on as they are.
                        self.pass(self.buf.len()).await?;
                        return Err(self.finish().await);
                    }
                }
                () = timer => {
                    self.plane.counters.not_read();
                    return Err(Leave::Plain);
                }
            }
        }
    }

    /// Forwards a body as it comes.
    async fn body(&mut self, mut body: Body) -> Result<(), Leave> {
        while body != Body::Done {
            let Ok(count) = body.take(&self.buf) else {
                self.plane.counters.not_read();
                return Err(Leave::Plain);
            };
            self.pass(count).await?;
            if body != Body::Done {
                self.more().await?;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, count: usize) -> Result<(), Leave> {
        let counters = &self.plane.counters;
        Ok(bytes_through::write(&mut self.to, &mut self.buf, count, counters).await?)
    }

    async fn more(&mut self) -> Result<(), Leave> {
        let read = bytes_through::read(&mut self.from, &mut self.buf).await;
        self.arrived = BootTime::now();
        match read.map_err(Leave::Failed)? {
            0 => Err(self.finish().await),
            _ => Ok(()),
        }
    }

    async fn finish(&mut self) -> Leave {
        Leave::Ended(bytes_through::finish(&mut self.to).await)
    }

    /// Waits for the answer to a request for another protocol. A client that goes on
    /// without it is not kept waiting: its bytes are plain from there.
    async fn switch(&mut self) -> Result<(), Leave> {
        if !self.buf.is_empty() {
            return Err(Leave::Plain);
        }
        tokio::select! {
            biased;
            switch = self.exchanges.switch_answered() => match switch {
                Switch::Switched => Err(Leave::Plain),
                Switch::Refused => Ok(()),
            },
            read = bytes_through::read(&mut self.from, &mut self.buf) => {
                match read.map_err(Leave::Failed)? {
                    0 => Err(self.finish().await),
                    _ => Err(Leave::Plain),
                }
            }
        }
    }

    /// Decides on the request head at hand and notes it as unanswered.
    fn judge_request(&self, length: usize) -> Verdict {
        let doubtful = Verdict { holds: Vec::new(), body: None, may_switch: false, last: false };
        let Some(head) = RequestHead::read(&self.buf[..length]) else {
            return doubtful;
        };
        let body = match head.length {
            _ if head.method == "CONNECT" => Body::Done,
            Length::Unsaid | Length::Bytes(0) => Body::Done,
            Length::Bytes(count) => Body::Bytes(count),
            Length::Chunked => Body::Chunked(Chunk::START),
            Length::Doubtful => return doubtful,
        };
        let headers = |visit: &mut dyn FnMut(&str, &[u8])| head.headers(visit);
        let request = Request { method: head.method, path: head.path, headers: &headers };
        let decided = self.plane.layers.decide(&self.place, &request, self.arrived);
        let noted = self.exchanges.push(Exchange {
            head_only: head.method == "HEAD",
            connect: head.method == "CONNECT",
            may_switch: head.may_switch,
            holds: decided.response,
        });
        Verdict {
            holds: decided.request,
            body: noted.then_some(body),
            may_switch: head.may_switch,
            last: false,
        }
    }

    /// Decides on the response head at hand.
    fn judge_response(&self, length: usize) -> Verdict {
        let mut verdict = Verdict { holds: Vec::new(), body: None, may_switch: false, last: false };
        let Some(head) = ResponseHead::read(&self.buf[..length]) else {
            return verdict;
        };
        if (100..200).contains(&head.status) && head.status != 101 {
            verdict.body = Some(Body::Done);
            return verdict;
        }
        let Some(exchange) = self.exchanges.begin_response() else {
            // An answer to nothing: the service is about to close.
            return verdict;
        };
        let switched = head.status == 101 || (exchange.connect && head.status / 100 == 2);
        if exchange.may_switch || switched {
            let switch = if switched { Switch::Switched } else { Switch::Refused };
            self.exchanges.answer_switch(switch);
        }
        verdict.holds = exchange.holds;
        verdict.body = match head.length {
            _ if switched => None,
            _ if exchange.head_only || matches!(head.status, 204 | 304) => Some(Body::Done),
            Length::Bytes(0) => Some(Body::Done),
            Length::Bytes(count) => Some(Body::Bytes(count)),
            Length::Chunked => Some(Body::Chunked(Chunk::START)),
            Length::Unsaid | Length::Doubtful => None,
        };
        verdict.last = verdict.body.is_some();
        verdict
    }
}
