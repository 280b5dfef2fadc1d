//! Tells HTTP/2 with prior knowledge from everything else by the first bytes,
//! without keeping a protocol waiting in which the server speaks first.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::{
    bytes_through::READ_CHUNK,
    delay::BootTime,
    http1::{Found, HeadScan, Kind},
    plane::Plane,
};

/// What an HTTP/2 client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long the start of a head, or of the preface, is held for the rest of it: a client
/// that sends one in pieces is slow, a protocol that is not HTTP waits for an answer.
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(1);

const FRAME_HEAD: usize = 9;
const FRAME_SETTINGS: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Http2,
    /// HTTP/1 or bytes: its own scanner tells.
    Other,
    /// Neither: nobody can read it.
    Unread,
}

/// Reads from the client until its protocol is plain; the bytes read are left in `early`, with the
/// moment from which they count. What is there at once came with the connection.
pub(crate) async fn sniff(
    plane: &Plane,
    client: &mut TcpStream,
    upstream: &TcpStream,
    (early, at): (&mut BytesMut, &mut BootTime),
) -> io::Result<Spoken> {
    let mut server_spoke = false;
    let mut patience = BootTime::NEVER;
    loop {
        if early.starts_with(PREFACE) {
            return Ok(Spoken::Http2);
        }
        if !PREFACE.starts_with(early) {
            if HeadScan::default().find(Kind::Request, early) == Found::NotHttp {
                plane.counters.not_read();
                return Ok(Spoken::Unread);
            }
            return Ok(Spoken::Other);
        }
        if !early.is_empty() {
            patience = BootTime::now().after(HEAD_PATIENCE);
        }
        early.reserve(READ_CHUNK);
        match client.try_read_buf(early) {
            Ok(0) => return Ok(Spoken::Other),
            Ok(_) => {
                // It may have come long after the connection did.
                *at = (*at).max(plane.timer.earliest());
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            readable = client.readable() => {
                readable?;
                *at = plane.timer.counts_from();
            }
            settings = begins_with_settings(upstream), if !server_spoke => {
                // A gRPC server may send its settings before the client has said a word.
                if !settings? {
                    // In HTTP/1 the client speaks first.
                    plane.counters.not_read();
                    return Ok(Spoken::Unread);
                }
                server_spoke = true;
            }
            () = plane.timer.until(patience) => return Ok(Spoken::Other),
        }
    }
}

/// Waits for bytes of the server and tells whether they are an HTTP/2 settings frame.
async fn begins_with_settings(upstream: &TcpStream) -> io::Result<bool> {
    let mut head = [0; FRAME_HEAD];
    let count = upstream.peek(&mut head).await?;
    // The frame head: three bytes of length, type, flags, and a stream number of zero.
    Ok(count == FRAME_HEAD && head[3] == FRAME_SETTINGS && head[5..] == [0; 4])
}
