//! How the proxy reaches the service it stands in front of, and the hook that
//! keeps those connections out of the redirect.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

use crate::{
    lane,
    place::{Place, Way},
};

/// Source addresses tried: about 28,000 ports each, enough for 7,000 new connections a second.
const SOURCES: u8 = 16;
/// The one that had a free port last; it stays the choice, because finding none takes long.
static SOURCE: AtomicU8 = AtomicU8::new(0);

/// What the owner of the redirect does for the proxy's own connections.
///
/// The order for each one: the socket is made and bound, [`Upstream::bound`],
/// connect, bytes, the socket is closed, [`Upstream::closed`]. `closed` is called
/// once for every `bound` that returned `Ok`, also when the connect fails and when
/// the proxy is dropped. Both run on the proxy's thread and must not block.
pub trait Upstream: Send + Sync + 'static {
    /// Tells where an accepted connection was meant to go, by the ends of its socket. Where the
    /// redirect kept the address that was dialed, it is the local one.
    ///
    /// # Errors
    /// Refuses the connection; the client sees a reset.
    fn place(&self, way: Way, client: SocketAddr, local: SocketAddr) -> io::Result<Place> {
        Ok(Place { way, client, original: local })
    }

    /// Returns where to connect for a client.
    fn address(&self, place: &Place) -> SocketAddr {
        place.original
    }

    /// Exempts a source address before the first packet leaves it.
    ///
    /// # Errors
    /// Refuses the connection; the client sees a reset.
    fn bound(&self, local: SocketAddr, place: &Place) -> io::Result<()>;

    /// Withdraws the exemption: the port may now be used by somebody else.
    fn closed(&self, local: SocketAddr);
}

/// An upstream without a redirect to escape from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Upstream for Direct {
    fn bound(&self, _local: SocketAddr, _place: &Place) -> io::Result<()> {
        Ok(())
    }

    fn closed(&self, _local: SocketAddr) {}
}

/// Calls `closed` when it is dropped, which must come after the stream.
pub(crate) struct Exemption {
    upstream: Arc<dyn Upstream>,
    local: SocketAddr,
}

impl std::fmt::Debug for Exemption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Exemption").field(&self.local).finish()
    }
}

impl Drop for Exemption {
    fn drop(&mut self) {
        self.upstream.closed(self.local);
    }
}

/// A stream and its exemption, dropped in this order.
pub(crate) struct Dialed {
    pub(crate) stream: TcpStream,
    pub(crate) exemption: Option<Exemption>,
}

/// Finds out where an accepted connection was meant to go.
pub(crate) fn place(
    upstream: &Arc<dyn Upstream>,
    way: Way,
    client: &std::net::TcpStream,
    peer: Option<SocketAddr>,
) -> io::Result<Place> {
    // A dual-stack listener reports IPv4 clients in IPv6 clothes.
    let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    let peer = peer.map_or_else(|| client.peer_addr(), Ok)?;
    upstream.place(way, plain(peer), plain(client.local_addr()?))
}

/// Begins to connect to the address the client dialed: the socket is writable once that is done.
pub(crate) fn begin(
    upstream: &Arc<dyn Upstream>,
    place: &Place,
) -> io::Result<(std::net::TcpStream, Option<Exemption>)> {
    let original = upstream.address(place);
    let (socket, exemption) = open(upstream, place, original)?;
    match socket.connect(&original.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok((socket.into(), exemption))
}

/// Makes a socket towards the service that passes the redirect.
fn open(
    upstream: &Arc<dyn Upstream>,
    place: &Place,
    original: SocketAddr,
) -> io::Result<(Socket, Option<Exemption>)> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new_raw(Domain::for_address(original), kind, Some(Protocol::TCP))?;
    lane::options(&SockRef::from(&socket))?;
    if place.way != Way::Inbound {
        return Ok((socket, None));
    }
    // Bound by hand, so that the port is known, and exempt, before the first packet.
    bind(&socket, original)?;
    let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    upstream.bound(local, place)?;
    Ok((socket, Some(Exemption { upstream: Arc::clone(upstream), local })))
}

/// Connects to the address the client dialed.
pub(crate) async fn dial(upstream: &Arc<dyn Upstream>, place: &Place) -> io::Result<Dialed> {
    let original = upstream.address(place);
    let (socket, exemption) = open(upstream, place, original)?;
    // Declared after the exemption, so a connect that is given up closes the socket first.
    let connecting = TcpSocket::from_std_stream(socket.into()).connect(original);
    let stream = connecting.await?;
    Ok(Dialed { stream, exemption })
}

/// Binds to a free port, where clients that come and go have used up those of one source address
/// (each rests for a minute) to one of the spare addresses. The service then sees a client from
/// 127.87.0.0/16, which only this host can be.
fn bind(socket: &Socket, original: SocketAddr) -> io::Result<()> {
    for _ in 0..SOURCES {
        let at = SOURCE.load(Relaxed);
        match socket.bind(&SocketAddr::new(source(at, original), 0).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && original.is_ipv4() => {
                SOURCE.store((at + 1) % SOURCES, Relaxed);
            }
            bound => return bound,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Returns the source address of this turn: the kernel's choice first, then the spare ones.
fn source(at: u8, original: SocketAddr) -> IpAddr {
    match original {
        SocketAddr::V4(_) if at > 0 => Ipv4Addr::new(127, 87, 0, at).into(),
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Makes the close of a stream a reset, as the other side would have seen it.
pub(crate) fn reset_on_close(stream: &impl AsFd) {
    // A socket that is gone already cannot be reset, and need not be.
    let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_sources_are_of_this_host_and_only_for_ipv4() {
        let v4: SocketAddr = ([10, 0, 0, 1], 80).into();
        let v6: SocketAddr = ([0; 16], 80).into();
        let text = |at, original| source(at, original).to_string();
        assert_eq!((text(0, v4), text(1, v4)), ("0.0.0.0".into(), "127.87.0.1".into()));
        assert_eq!((text(0, v6), text(1, v6)), ("::".into(), "::".into()));
    }
}
