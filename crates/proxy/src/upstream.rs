//! How the proxy reaches the service it stands in front of, and the hook that
//! keeps those connections out of the redirect.

use std::{io, net::SocketAddr, sync::Arc};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};

/// What the owner of the redirect does for the proxy's own connections.
///
/// The order for each one: the socket is made and bound, [`Upstream::bound`],
/// connect, bytes, the socket is closed, [`Upstream::closed`]. `closed` is called
/// once for every `bound` that returned `Ok`, also when the connect fails and when
/// the proxy is dropped. Both run on the proxy's thread and must not block.
pub trait Upstream: Send + Sync + 'static {
    /// Returns where to connect for a client that dialed `original`: the same address,
    /// unless the redirect hid it.
    fn address(&self, original: SocketAddr) -> SocketAddr {
        original
    }

    /// Exempts a source address before the first packet leaves it.
    ///
    /// # Errors
    /// Refuses the connection; the client sees a reset.
    fn bound(&self, local: SocketAddr, original: SocketAddr) -> io::Result<()>;

    /// Withdraws the exemption: the port may now be used by somebody else.
    fn closed(&self, local: SocketAddr);
}

/// An upstream without a redirect to escape from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Upstream for Direct {
    fn bound(&self, _local: SocketAddr, _original: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn closed(&self, _local: SocketAddr) {}
}

/// Calls `closed` when it is dropped, which must come after the stream.
pub(crate) struct Exemption {
    upstream: Arc<dyn Upstream>,
    local: SocketAddr,
}

impl Drop for Exemption {
    fn drop(&mut self) {
        self.upstream.closed(self.local);
    }
}

/// A stream and its exemption, dropped in this order.
pub(crate) struct Dialed {
    pub(crate) stream: TcpStream,
    pub(crate) exemption: Exemption,
}

/// Connects to the address the client dialed.
pub(crate) async fn dial(upstream: &Arc<dyn Upstream>, original: SocketAddr) -> io::Result<Dialed> {
    // A dual-stack listener reports IPv4 clients in IPv6 clothes.
    let original = SocketAddr::new(original.ip().to_canonical(), original.port());
    let original = upstream.address(original);
    let socket = Socket::new(Domain::for_address(original), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let any: SocketAddr = match original {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    // Bound by hand, so that the port is known, and exempt, before the first packet.
    socket.bind(&any.into())?;
    let socket = TcpSocket::from_std_stream(socket.into());
    let local = socket.local_addr()?;
    upstream.bound(local, original)?;
    let exemption = Exemption { upstream: Arc::clone(upstream), local };
    // Declared after the exemption, so a connect that is given up closes the socket first.
    let connecting = socket.connect(original);
    let stream = connecting.await?;
    Ok(Dialed { stream, exemption })
}

/// Makes the close of a stream a reset, as the other side would have seen it.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    // A socket that is gone already cannot be reset, and need not be.
    let _gone = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}
