//! HTTP/2 with prior knowledge; for now passed as plain bytes, unread.

use std::io;

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::{bytes_through, plane::Plane};

/// Carries an HTTP/2 connection until both directions ended; tells whether it ended well.
pub(crate) async fn bridge(
    plane: &Plane,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    early: BytesMut,
) -> io::Result<bool> {
    bytes_through::both_ways(client, upstream, early, &plane.counters).await
}
