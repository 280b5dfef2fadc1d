//! Questions over TCP: whole messages are judged; a connection that speaks anything else becomes
//! plain bytes.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc::{Receiver, Sender, channel},
};

use super::{
    framing::{self, Framer},
    message::HEADER_BYTES,
    rules::{Transport, Verdict},
    serve::{Desk, Judged},
};
use crate::{delay::BootTime, upstream::reset_on_close};

/// How long the start of a message waits for its rest: a client that is slow sends it, a protocol
/// that is not DNS waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Messages on their way from one task of a connection to another.
const QUEUE: usize = 32;
const READ_CHUNK: usize = 16 * 1024;

pub(super) async fn serve(desk: Arc<Desk>, door: usize, mut client: TcpStream) {
    let Some(origin) = desk.origins.of(door) else { return reset_on_close(&client) };
    let _hint = client.set_nodelay(true);
    let Ok(mut upstream) = TcpStream::connect(origin).await else {
        desk.counters.failed();
        return reset_on_close(&client);
    };
    let _hint = upstream.set_nodelay(true);
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = upstream.split();
        let (onward, onwards) = channel(QUEUE);
        let (reply, replies) = channel(QUEUE);
        let up = up(&desk, from_client, Lines { origin, onward, reply });
        let down = down(from_server, to_client, replies);
        // The up side ends when the client has finished and nothing is held; the down side when
        // the server has.
        tokio::try_join!(up, write(to_server, onwards), down)
    };
    if ended.is_err() {
        desk.counters.failed();
        reset_on_close(&client);
        reset_on_close(&upstream);
    }
}

/// Where messages of a client go.
#[derive(Clone)]
struct Lines {
    /// The real resolver.
    origin: SocketAddr,
    /// To the real resolver.
    onward: Sender<Vec<u8>>,
    /// Back to the client, as answers.
    reply: Sender<Vec<u8>>,
}

async fn up(desk: &Arc<Desk>, mut from: ReadHalf<'_>, lines: Lines) -> io::Result<()> {
    let mut held = tokio::task::JoinSet::new();
    let mut bytes = BytesMut::new();
    let mut plain = false;
    let mut patience = BootTime::NEVER;
    loop {
        while let Some(length) = framing::first(&bytes).filter(|_| !plain) {
            let message = bytes[..length].to_vec();
            // What is too short to be a message is no DNS at all.
            plain = length < 2 + HEADER_BYTES;
            if plain {
                break;
            }
            bytes.advance(length);
            one(desk, &mut held, message, &lines).await;
        }
        if plain && !bytes.is_empty() {
            let _gone = lines.onward.send(bytes.split().to_vec()).await;
        }
        bytes.reserve(READ_CHUNK);
        tokio::select! {
            read = from.read_buf(&mut bytes) => {
                if read? == 0 {
                    break;
                }
                patience = BootTime::now().after(PATIENCE);
            }
            () = desk.timer.until(patience), if !plain && !bytes.is_empty() => plain = true,
            Some(_ended) = held.join_next() => {}
        }
    }
    if !bytes.is_empty() {
        let _gone = lines.onward.send(bytes.to_vec()).await;
    }
    drop(lines);
    while held.join_next().await.is_some() {}
    Ok(())
}

/// Deals with one message, its length before it.
async fn one(
    desk: &Arc<Desk>,
    held: &mut tokio::task::JoinSet<()>,
    framed: Vec<u8>,
    lines: &Lines,
) {
    let Judged { verdict, armed, query } = desk.judge(&framed[2..], Transport::Tcp);
    // A side that is gone ends the connection by itself.
    match (verdict, armed, query) {
        (Verdict::Reply(reply), ..) => {
            desk.counters.hurt();
            let _gone = lines.reply.send(framing::framed(&reply)).await;
        }
        (Verdict::Silence, ..) => desk.counters.hurt(),
        (Verdict::Hold(asked), Some(armed), _) => {
            let (desk, onward) = (Arc::clone(desk), lines.onward.clone());
            held.spawn(async move {
                desk.hold(asked, &armed).await;
                desk.counters.forwarded();
                let _gone = onward.send(framed).await;
            });
        }
        (Verdict::Alias { name, ttl_s }, _, Some(query)) => {
            let (desk, reply) = (Arc::clone(desk), lines.reply.clone());
            let origin = lines.origin;
            held.spawn(async move {
                let alias = (&name, ttl_s);
                let message = &framed[2..];
                let found = desk.alias(origin, Transport::Tcp, message, &query, alias).await;
                let _gone = reply.send(framing::framed(&found)).await;
            });
        }
        _ => {
            desk.counters.forwarded();
            let _gone = lines.onward.send(framed).await;
        }
    }
}

async fn write(mut to: WriteHalf<'_>, mut messages: Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(message) = messages.recv().await {
        if to.write_all(&message).await.is_err() {
            // The server takes no more; what it still says goes to the client.
            return Ok(());
        }
    }
    // A server that is gone needs no end.
    let _gone = to.shutdown().await;
    Ok(())
}

/// Passes on what the server says, with the fault's answers between its messages.
async fn down(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut replies: Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut framer = Framer::default();
    let mut bytes = BytesMut::new();
    let mut more = true;
    loop {
        bytes.reserve(READ_CHUNK);
        tokio::select! {
            read = from.read_buf(&mut bytes) => {
                if read? == 0 {
                    break;
                }
                // Up to the last end among them, so that an answer can follow there.
                let until = framer.pass(&bytes).unwrap_or(bytes.len());
                to.write_all(&bytes[..until]).await?;
                if until < bytes.len() {
                    while let Ok(reply) = replies.try_recv() {
                        to.write_all(&reply).await?;
                    }
                    to.write_all(&bytes[until..]).await?;
                }
                bytes.clear();
            }
            reply = replies.recv(), if more && framer.between() => match reply {
                Some(reply) => to.write_all(&reply).await?,
                None => more = false,
            },
        }
    }
    while let Ok(reply) = replies.try_recv() {
        to.write_all(&reply).await?;
    }
    to.shutdown().await
}
