//! One connection that begins as TLS: its hello is read, judged, and hurt or passed on.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use rand::RngExt;
use rustls::{ServerConfig, ServerConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    counters::Counters,
    hello::{self, Hello, RECORD_HANDSHAKE, Read},
    impostor::Impostor,
    rules::{Alert, Effect, Half, Rule},
};
use crate::{
    bytes_through::READ_CHUNK,
    delay::{BootTime, Timer},
    layers::{Connection, Served, Stream},
    switch::{Armed, Switch},
    upstream::reset_on_close,
};

/// How long the rest of a hello is waited for. Every server waits longer, so nothing is lost.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to answer an impostor, and to leave after an alert.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client that took an impostor for real has to say something: one that only then
/// looks at the protocol and leaves has refused it.
const SECOND_THOUGHT: Duration = Duration::from_secs(1);
/// The part of a hello that is damaged: from behind the record's and the message's headers and
/// the version, the random bytes and the length of what follows them. No parser can accept it.
const DAMAGED: std::ops::Range<usize> = 11..44;

/// The faults of one owner on TLS handshakes; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Handshakes {
    rules: Switch<Rule>,
    counters: Arc<Counters>,
}

impl Handshakes {
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
}

impl Stream for Handshakes {
    fn serve<'a>(
        &'a self,
        connection: Connection,
    ) -> Pin<Box<dyn Future<Output = Served> + Send + 'a>> {
        Box::pin(self.relay(connection))
    }
}

impl Handshakes {
    async fn relay(&self, mut connection: Connection) -> Served {
        let Some(armed) = self.rules.armed(BootTime::now()) else {
            return Served::On(Box::new(connection));
        };
        // Whatever breaks is passed on by what comes after: the next read finds it again.
        let Ok(Some(hello)) = read_hello(&mut connection).await else {
            self.counters.other();
            return Served::On(Box::new(connection));
        };
        let fits = armed.rules.fits(&hello);
        self.counters.hello(&hello.name, fits);
        let spared = fits && armed.dice().random::<f64>() >= armed.rules.share;
        if spared {
            self.counters.spared();
        }
        if !fits || spared {
            return Served::On(Box::new(connection));
        }
        match self.hurt(&mut connection, &hello, &armed).await {
            Ok(Next::On) => Served::On(Box::new(connection)),
            Ok(Next::End) => Served::Ended,
            Err(_broken) => {
                reset_on_close(&connection.client);
                Served::Ended
            }
        }
    }

    async fn hurt(
        &self,
        connection: &mut Connection,
        hello: &Hello,
        armed: &Arc<Armed<Rule>>,
    ) -> io::Result<Next> {
        match &armed.rules.effect {
            Effect::Alert(alert) => {
                self.counters.hurt();
                say(connection, *alert).await
            }
            Effect::Close { reset } => {
                self.counters.hurt();
                if *reset {
                    reset_on_close(&connection.client);
                }
                Ok(Next::End)
            }
            Effect::Corrupt(Half::Client) => {
                self.counters.hurt();
                damage(&mut connection.early);
                Ok(Next::On)
            }
            Effect::Corrupt(Half::Server) => self.corrupt_answer(connection).await,
            Effect::Stall => {
                self.counters.hurt();
                self.stall(connection, armed).await
            }
            Effect::Impostor(impostor) => {
                let host = connection.place.original.ip().to_canonical().to_string();
                // A name that no certificate can carry is no name of a real server.
                let Ok(config) = impostor.config(hello, &host) else { return Ok(Next::On) };
                self.counters.hurt();
                self.impersonate(connection, impostor, config).await
            }
        }
    }
}

/// What becomes of a connection.
enum Next {
    On,
    End,
}

/// Reads until the hello is whole; `None` where there is none, also where the server is the one
/// who speaks first.
async fn read_hello(connection: &mut Connection) -> io::Result<Option<Hello>> {
    let patience = BootTime::now().after(HELLO_PATIENCE);
    connection.dial().await?;
    let Connection { client, early, at, timer, dialed, .. } = connection;
    let server = &dialed.as_ref().expect("invariant: it was dialed above").stream;
    loop {
        match hello::read(early) {
            Read::Hello(hello) => return Ok(Some(hello)),
            Read::Other => return Ok(None),
            Read::More => early.reserve(READ_CHUNK),
        }
        let mut first = [0];
        tokio::select! {
            read = client.read_buf(early) => {
                *at = timer.counts_from();
                if read? == 0 {
                    return Ok(None);
                }
            }
            _spoken = server.peek(&mut first) => return Ok(None),
            () = timer.until(patience) => return Ok(None),
        }
    }
}

/// Answers with an alert and lets the client leave first, so that no reset overtakes it.
async fn say(connection: &mut Connection, alert: Alert) -> io::Result<Next> {
    connection.client.write_all(&alert.record()).await?;
    leave(connection).await;
    Ok(Next::End)
}

/// Ends our side and waits until the client has ended its own.
async fn leave(connection: &mut Connection) {
    let Connection { client, timer, .. } = connection;
    let _gone = client.shutdown().await;
    let gone = async {
        let mut rest = BytesMut::new();
        while let Ok(1..) = client.read_buf(&mut rest).await {
            rest.clear();
        }
    };
    tokio::select! {
        () = gone => {}
        () = timer.until(BootTime::now().after(CLIENT_PATIENCE)) => {}
    }
}

fn damage(hello: &mut [u8]) {
    for byte in hello.iter_mut().skip(DAMAGED.start).take(DAMAGED.len()) {
        *byte = !*byte;
    }
}

impl Handshakes {
    /// Passes the hello on and damages what the server answers; what follows passes.
    async fn corrupt_answer(&self, connection: &mut Connection) -> io::Result<Next> {
        let hello = std::mem::take(&mut connection.early);
        let server = connection.dial().await?;
        server.write_all(&hello).await?;
        let mut answer = BytesMut::new();
        while answer.len() < DAMAGED.end && server.read_buf(&mut answer).await? > 0 {}
        // A server may have answered with an alert of its own, which is hurt enough.
        if answer.len() >= DAMAGED.end && answer[0] == RECORD_HANDSHAKE {
            damage(&mut answer);
            self.counters.hurt();
        }
        connection.client.write_all(&answer).await?;
        Ok(Next::On)
    }

    /// Holds the hello while the rule stands, then goes on as if nothing had been; a client that
    /// has left ends the wait.
    async fn stall(
        &self,
        connection: &mut Connection,
        armed: &Arc<Armed<Rule>>,
    ) -> io::Result<Next> {
        let mut over = std::pin::pin!(self.rules.over(armed, &connection.timer));
        let mut next = [0];
        tokio::select! {
            () = &mut over => return Ok(Next::On),
            peeked = connection.client.peek(&mut next) => if peeked? == 0 {
                return Ok(Next::End);
            },
        }
        // The client has sent more than a hello: from here on it cannot be seen to leave.
        over.await;
        Ok(Next::On)
    }

    async fn impersonate(
        &self,
        connection: &mut Connection,
        impostor: &Impostor,
        config: Arc<ServerConfig>,
    ) -> io::Result<Next> {
        // The real server is not part of this.
        connection.dialed = None;
        let hello = std::mem::take(&mut connection.early);
        let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
        let Connection { client, timer, .. } = connection;
        let shaken = tokio::select! {
            shaken = shake(client, &mut session, hello) => shaken,
            () = timer.until(BootTime::now().after(CLIENT_PATIENCE)) => {
                Err(io::ErrorKind::TimedOut.into())
            }
        };
        let refusal = match shaken {
            // Where only the protocol is wrong, a client may find out after the handshake.
            Ok(None) if impostor.needs_protocols() => {
                second_thought(client, timer, &mut session).await
            }
            Ok(refusal) => refusal,
            // To break off without a word is to refuse as well.
            Err(error) => Some(error.kind().to_string()),
        };
        match refusal {
            Some(reason) => self.counters.refused(&reason),
            None => self.counters.accepted(),
        }
        session.send_close_notify();
        if flush(client, &mut session).await.is_ok() {
            leave(connection).await;
        }
        Ok(Next::End)
    }
}

/// Shakes hands; returns why the client would not.
async fn shake(
    client: &mut TcpStream,
    connection: &mut ServerConnection,
    mut bytes: BytesMut,
) -> io::Result<Option<String>> {
    loop {
        let refusal = take(connection, &mut bytes)?;
        flush(client, connection).await?;
        if refusal.is_some() || !connection.is_handshaking() {
            return Ok(refusal);
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(Some("closed".to_owned()));
        }
    }
}

/// Feeds what the client said; returns why it refuses, if it does.
fn take(connection: &mut ServerConnection, bytes: &mut BytesMut) -> io::Result<Option<String>> {
    while !bytes.is_empty() {
        let mut unread = &bytes[..];
        let count = connection.read_tls(&mut unread)?;
        bytes.advance(count);
        match connection.process_new_packets() {
            Ok(_) if count == 0 => break,
            Ok(_) => {}
            Err(rustls::Error::AlertReceived(alert)) => {
                return Ok(Some(format!("alert {alert:?}")));
            }
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
    Ok(None)
}

/// Waits a moment for a client that has shaken hands: one that leaves without a word has refused.
async fn second_thought(
    client: &mut TcpStream,
    timer: &Timer,
    session: &mut ServerConnection,
) -> Option<String> {
    let end = BootTime::now().after(SECOND_THOUGHT);
    let mut bytes = BytesMut::new();
    loop {
        let state = match take(session, &mut bytes) {
            Ok(None) => session.process_new_packets().ok()?,
            Ok(reason) => return reason,
            Err(error) => return Some(error.kind().to_string()),
        };
        if state.plaintext_bytes_to_read() > 0 {
            return None;
        }
        let left = state.peer_has_closed();
        tokio::select! {
            read = client.read_buf(&mut bytes), if !left => if matches!(read, Ok(1..)) {
                continue;
            },
            () = std::future::ready(()), if left => {}
            () = timer.until(end) => return None,
        }
        return Some("closed after the handshake".to_owned());
    }
}

async fn flush(client: &mut TcpStream, connection: &mut ServerConnection) -> io::Result<()> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes)?;
    }
    client.write_all(&bytes).await
}
