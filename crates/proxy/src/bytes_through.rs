//! Plain bytes from one socket to another, unread; an end is passed on as an end.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::{
    io::AsyncWriteExt,
    net::tcp::{ReadHalf, WriteHalf},
};

use crate::counters::Counters;

/// What one read asks for: large enough for throughput, small enough for many connections.
pub(crate) const READ_CHUNK: usize = 32 * 1024;

/// How one direction of a connection ended without an error of its reading side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender finished, and the receiver was told.
    Finished,
    /// The receiver takes no more bytes; the other direction may still have some.
    Broken,
}

/// Reads more bytes behind those at hand; zero is the end. A connection that waits for the first of
/// them holds no buffer.
pub(crate) async fn read(from: &mut ReadHalf<'_>, buf: &mut BytesMut) -> io::Result<usize> {
    loop {
        buf.reserve(READ_CHUNK);
        match from.try_read_buf(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        if buf.is_empty() {
            *buf = BytesMut::new();
        }
        from.readable().await?;
    }
}

/// Writes the first bytes at hand; `Err(End::Broken)` when the receiver is gone.
pub(crate) async fn write(
    to: &mut WriteHalf<'_>,
    buf: &mut BytesMut,
    count: usize,
    counters: &Counters,
) -> Result<(), End> {
    to.write_all(&buf[..count]).await.map_err(|_gone| End::Broken)?;
    buf.advance(count);
    counters.passed(count);
    Ok(())
}

/// Passes on the end of a direction.
pub(crate) async fn finish(to: &mut WriteHalf<'_>) -> End {
    match to.shutdown().await {
        Ok(()) => End::Finished,
        Err(_gone) => End::Broken,
    }
}

/// Passes everything on, first what is at hand.
///
/// # Errors
/// Only those of the sender: the connection is dead then.
pub(crate) async fn flow(
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    mut buf: BytesMut,
    counters: &Counters,
) -> io::Result<End> {
    loop {
        let count = buf.len();
        if let Err(end) = write(to, &mut buf, count, counters).await {
            return Ok(end);
        }
        if read(from, &mut buf).await? == 0 {
            return Ok(finish(to).await);
        }
    }
}
