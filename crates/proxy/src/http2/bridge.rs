//! One HTTP/2 connection of a client, one to the service, and the streams between.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use h2::{client, server};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinSet,
};

use super::stream::{self, Carried};
use crate::{
    delay::BootTime,
    place::Place,
    plane::{Plane, Stage},
};

/// What one stream may have on its way through the proxy, each direction.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What one connection may have on its way, each direction: the bound of its memory.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Streams a client may have open; more than services allow by default, and still bounded.
const MAX_STREAMS: u32 = 1_000;
/// The longest header list, as Go's server has it.
const MAX_HEADER_LIST: u32 = 1 << 20;
/// How long the goodbye to the service may take after the client has gone.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Carries an HTTP/2 connection, whose first bytes are at hand, until the client is done.
pub(crate) async fn bridge(
    plane: &Arc<Plane>,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    early: BytesMut,
) -> io::Result<bool> {
    let mut server = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .handshake::<_, Bytes>(Early { early, socket: client })
        .await
        .map_err(broken)?;
    let (sender, service) = client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_LIST)
        .enable_push(false)
        .handshake::<_, Bytes>(upstream)
        .await
        .map_err(broken)?;
    let mut service = std::pin::pin!(service);
    let mut draining = std::pin::pin!(plane.reached(Stage::Draining));
    let mut streams = JoinSet::new();
    let (mut service_left, mut leaving) = (false, false);
    loop {
        tokio::select! {
            accepted = server.accept() => {
                let Some(accepted) = accepted else { break };
                let (request, respond) = accepted.map_err(broken)?;
                let (plane, sender) = (Arc::clone(plane), sender.clone());
                let arrived = BootTime::now();
                streams.spawn(async move {
                    stream::carry(&plane, sender, place, request, respond, arrived).await
                });
            }
            left = &mut service, if !service_left => {
                left.map_err(broken)?;
                service_left = true;
                server.graceful_shutdown();
            }
            Some(carried) = streams.join_next() => {
                // The service takes no more streams: the client must connect anew.
                if matches!(carried, Ok(Carried::Refused)) {
                    server.graceful_shutdown();
                }
            }
            () = &mut draining, if !leaving => {
                leaving = true;
                server.graceful_shutdown();
            }
        }
    }
    // Streams the client left behind are reset towards the service, which is then told goodbye.
    streams.shutdown().await;
    drop(sender);
    if !service_left {
        tokio::select! {
            _left = &mut service => {}
            () = plane.timer.until(BootTime::now().after(GOODBYE_MAX)) => {}
        }
    }
    Ok(true)
}

fn broken(error: h2::Error) -> io::Error {
    match error.get_io() {
        Some(io) => io.kind().into(),
        None => io::Error::other(error),
    }
}

/// A socket whose first bytes were read already.
struct Early<'a> {
    early: BytesMut,
    socket: &'a mut TcpStream,
}

impl AsyncRead for Early<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut *self.socket).poll_read(context, into);
        }
        let count = self.early.len().min(into.remaining());
        into.put_slice(&self.early[..count]);
        self.early.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Early<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_shutdown(context)
    }
}
