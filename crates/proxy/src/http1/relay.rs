//! Moves the bytes of an HTTP/1 connection, request by request, hurt where a
//! rule says so, and as plain bytes once it does not understand them.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::net::{
    TcpStream,
    tcp::{ReadHalf, WriteHalf},
};

use super::{
    body::Body,
    edit,
    effects::Left,
    exchange::{Exchanges, Switch},
    head::{Found, HeadScan, Kind},
};
use crate::{
    bytes_through::{self, End},
    delay::BootTime,
    place::Place,
    plane::{Plane, Stage},
    sniff::HEAD_PATIENCE,
};

/// How long a client that was told that the connection is over may take to see it before the
/// connection is closed under what it still sends, which would take the answer from it.
const LINGER: Duration = Duration::from_secs(1);

/// Relays a connection until both directions ended, or until it is quiet while the proxy
/// closes; tells whether it ended well.
pub(crate) async fn relay(
    plane: &Plane,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    (early, at): (BytesMut, BootTime),
) -> io::Result<bool> {
    let (client_reads, client_writes) = client.split();
    let (upstream_reads, upstream_writes) = upstream.split();
    let exchanges = Exchanges::default();
    let requests = Direction {
        plane,
        place,
        exchanges: &exchanges,
        is_request: true,
        from: client_reads,
        to: upstream_writes,
        buf: early,
        arrived: at,
    };
    let responses = Direction {
        plane,
        place,
        exchanges: &exchanges,
        is_request: false,
        from: upstream_reads,
        to: client_writes,
        buf: BytesMut::new(),
        arrived: BootTime::now(),
    };
    let closing = async {
        plane.reached(Stage::Closing).await;
        exchanges.quiet().await;
    };
    let over = async {
        exchanges.over().await;
        plane.timer.until(BootTime::now().after(LINGER)).await;
    };
    tokio::select! {
        ended = async { tokio::try_join!(requests.requests(), responses.responses()) } => {
            let (up, down) = ended?;
            Ok((up, down) == (End::Finished, End::Finished))
        }
        () = closing => Ok(true),
        () = over => Ok(true),
    }
}

/// One direction of a connection, with the bytes read but not yet forwarded.
pub(super) struct Direction<'a> {
    pub(super) plane: &'a Plane,
    pub(super) place: Place,
    pub(super) exchanges: &'a Exchanges,
    /// Whether it leads from the client to the service.
    pub(super) is_request: bool,
    from: ReadHalf<'a>,
    pub(super) to: WriteHalf<'a>,
    pub(super) buf: BytesMut,
    /// From when the last of these bytes count.
    pub(super) arrived: BootTime,
}

/// Why a direction leaves HTTP.
pub(super) enum Leave {
    /// What follows, and is at hand, is plain bytes.
    Plain,
    /// What follows goes nowhere; where the other side was told of an end, how that went.
    Unheard(Option<End>),
    /// It ended.
    Ended(End),
    Failed(io::Error),
}

impl From<End> for Leave {
    fn from(end: End) -> Leave {
        Leave::Ended(end)
    }
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
        let exchanges = self.exchanges;
        loop {
            let carried = match self.owns().await {
                Ok(()) => self.response().await,
                Err(left) => Err(left),
            };
            let Err(left) = carried else { continue };
            let ended = self.leave(left).await;
            exchanges.end_responses();
            return ended;
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
            Leave::Unheard(end) => {
                self.exchanges.became_unheard();
                loop {
                    self.buf.clear();
                    if bytes_through::read(&mut self.from, &mut self.buf).await? == 0 {
                        break;
                    }
                }
                Ok(match end {
                    Some(end) => end,
                    None => bytes_through::finish(&mut self.to).await,
                })
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
        if let Some(last) = verdict.own {
            self.buf.advance(length);
            let body = verdict.body.filter(|_| !last).ok_or(Leave::Unheard(None))?;
            self.swallow(body).await?;
            self.exchanges.end_request();
            return Ok(());
        }
        let left = self.hurt(length, verdict.body, &verdict.acts, false).await?;
        let body = match left {
            Left::Whole => {
                self.pass(length).await?;
                verdict.body
            }
            Left::Body(body) => body,
            Left::Nothing => Some(Body::Done),
        };
        let Some(body) = body else {
            self.plane.counters.not_read();
            return Err(Leave::Plain);
        };
        self.body(body).await?;
        self.exchanges.end_request();
        if verdict.may_switch { self.switch().await } else { Ok(()) }
    }

    /// Gives the client the answers that are the proxy's own, until the service sends one.
    async fn owns(&mut self) -> Result<(), Leave> {
        let exchanges = self.exchanges;
        loop {
            tokio::select! {
                biased;
                own = exchanges.own() => self.own(own).await?,
                // What the service has sent already is for a request behind those.
                () = std::future::ready(()), if !self.buf.is_empty() => return Ok(()),
                more = self.more() => more?,
            }
        }
    }

    /// Carries one response, interim or final.
    async fn response(&mut self) -> Result<(), Leave> {
        let length = self.head(Kind::Response).await?;
        let verdict = self.judge_response(length);
        let left = self.hurt(length, verdict.body, &verdict.acts, verdict.head_only).await?;
        let mut last = false;
        let body = match left {
            Left::Whole => {
                let draining = *self.plane.stage.borrow() >= Stage::Draining;
                last = draining && verdict.last && self.exchanges.leave();
                if last {
                    self.pass_as_last(length).await?
                } else {
                    self.pass(length).await?
                }
                verdict.body
            }
            Left::Body(body) => body,
            Left::Nothing => Some(Body::Done),
        };
        let Some(body) = body else {
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
        let mut head = edit::as_last(&self.buf.split_to(length));
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
                    self.arrived = self.plane.timer.counts_from();
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
    pub(super) async fn body(&mut self, mut body: Body) -> Result<(), Leave> {
        while body != Body::Done {
            let count = self.take(&mut body, self.buf.len())?;
            self.pass(count).await?;
            if body != Body::Done {
                self.more().await?;
            }
        }
        Ok(())
    }

    /// Returns how many of the bytes at hand, at most so many, belong to a body.
    pub(super) fn take(&self, body: &mut Body, most: usize) -> Result<usize, Leave> {
        body.take(&self.buf[..most.min(self.buf.len())]).map_err(|_doubtful| {
            self.plane.counters.not_read();
            Leave::Plain
        })
    }

    pub(super) async fn pass(&mut self, count: usize) -> Result<(), Leave> {
        let counters = &self.plane.counters;
        Ok(bytes_through::write(&mut self.to, &mut self.buf, count, counters).await?)
    }

    pub(super) async fn more(&mut self) -> Result<(), Leave> {
        let read = bytes_through::read(&mut self.from, &mut self.buf).await;
        self.arrived = self.plane.timer.counts_from();
        match read.map_err(Leave::Failed)? {
            0 => Err(self.finish().await),
            _ => Ok(()),
        }
    }

    pub(super) async fn finish(&mut self) -> Leave {
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
}
