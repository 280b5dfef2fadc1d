//! The proxy's side: one thread that lives in the target's network namespace.

use super::ends::End;
use super::inbound::{self, Clients};
use super::outbound::From;
use crate::effect::EffectError;
use crate::sys::confine::confine;
use crate::sys::netns::Netns;
use crate::sys::process::system;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use squall_proxy::{Door, Place, Proxy, Upstream, Way};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A thread that has made its listeners and waits for the redirect.
pub(super) struct Plane {
    /// Copies of the listeners, for the redirect. Dropped as soon as it has them.
    pub(super) listeners: Vec<TcpListener>,
    /// Where it takes what targets send out, over IPv4 and IPv6; zero where it does not.
    pub(super) ports: [u16; 2],
    /// The kernel's number of the namespace; zero where it does not tell.
    netns_cookie: u64,
    go: Sender<Go>,
}

/// What the thread does once the redirect is in place.
struct Go {
    upstream: Arc<dyn Upstream>,
    proxy: Proxy,
}

impl Plane {
    /// Starts the thread. It ends with its proxy, or at once when the plane is dropped before
    /// it was told to go.
    pub(super) fn start(netns: Arc<Netns>) -> Result<Plane, EffectError> {
        raise_open_files();
        let (ready, made) = channel();
        let (go, told) = channel();
        let thread = thread::Builder::new().name("squall-proxy".to_owned());
        let body = move || {
            // From here on it reads what strangers send.
            let made = listeners(&netns).and_then(|made| confine().map(|()| made));
            let doors = match made {
                Ok((doors, copies)) => {
                    let _starter_gone = ready.send(Ok((ports(&doors), netns_cookie(), copies)));
                    doors
                }
                Err(error) => return drop(ready.send(Err(error))),
            };
            // The namespace lives by the thread from here on.
            drop(netns);
            let Ok(Go { upstream, proxy }) = told.recv() else { return };
            // Whoever holds the fault sees in the counters that nothing arrives any more.
            let _ended = squall_proxy::run(doors, upstream, &proxy);
        };
        thread.spawn(body).map_err(system("start the proxy"))?;
        let listeners = made.recv().unwrap_or_else(|_| Err(io::Error::other("the thread died")));
        let made = listeners.map_err(system("listen in the target's network namespace"))?;
        let (ports, netns_cookie, listeners) = made;
        Ok(Plane { listeners, ports, netns_cookie, go })
    }

    /// Starts proxying.
    pub(super) fn go(
        self,
        clients: Clients,
        sources: Sources,
        proxy: Proxy,
    ) -> Result<(), EffectError> {
        let (clients, netns_cookie) = (Mutex::new(clients), self.netns_cookie);
        let upstream = Arc::new(Ports { clients, netns_cookie, sources });
        let sent = self.go.send(Go { upstream, proxy });
        sent.map_err(|_| io::Error::other("the thread died")).map_err(system("start the proxy"))
    }
}

/// A proxied connection takes two descriptors; the usual soft limit is met at five hundred.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, connections beyond it wait.
    let _as_before = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Enters the namespace and listens there: the doors, and copies of those for the redirect of
/// connections to targets.
fn listeners(netns: &Netns) -> io::Result<(Vec<Door>, Vec<TcpListener>)> {
    netns.enter()?;
    let mut doors = Vec::new();
    for way in [Way::Inbound, Way::Outbound(0)] {
        doors.push(Door::new(TcpListener::bind("127.0.0.1:0")?, way)?);
        // Without IPv6 in the namespace nothing goes by it.
        let v6 = TcpListener::bind("[::1]:0");
        doors.extend(v6.and_then(|listener| Door::new(listener, way)));
    }
    if !loopback_is_up() {
        doors.retain(|door| door.way() == Way::Inbound);
    }
    let inbound = doors.iter().filter(|door| door.way() == Way::Inbound);
    let copies = inbound.map(|door| door.listener().try_clone()).collect::<io::Result<_>>()?;
    Ok((doors, copies))
}

/// What is led to the proxy gets there by the loopback device.
fn loopback_is_up() -> bool {
    let routed = |socket: UdpSocket| socket.connect((Ipv4Addr::LOCALHOST, 9));
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(routed).is_ok()
}

/// The cookie of the calling thread's network namespace; kernels before 5.14 do not tell.
fn netns_cookie() -> u64 {
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return 0 };
    let (mut cookie, mut length) = (0u64, size_of::<u64>() as libc::socklen_t);
    // SAFETY: the cookie is writable for the length that goes along, and outlives the call.
    let answer = unsafe {
        let to = (&raw mut cookie).cast();
        let (level, name) = (libc::SOL_SOCKET, SO_NETNS_COOKIE);
        libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut length)
    };
    if answer == 0 { cookie } else { 0 }
}

/// The ports of what targets send out, over IPv4 and IPv6.
fn ports(doors: &[Door]) -> [u16; 2] {
    let outbound = doors.iter().filter(|door| door.way() != Way::Inbound);
    let addresses: Vec<_> = outbound.filter_map(|door| door.listener().local_addr().ok()).collect();
    let port = |v4| addresses.iter().find(|a| a.is_ipv4() == v4).map_or(0, SocketAddr::port);
    [port(true), port(false)]
}

/// What the sockets at a source had asked for, once a redirect of that kind is loaded.
pub(super) type Sources = Arc<Mutex<Option<From>>>;

/// Tells the proxy what its clients had dialed, and lets its own connections pass the redirect.
struct Ports {
    clients: Mutex<Clients>,
    netns_cookie: u64,
    sources: Sources,
}

impl Upstream for Ports {
    fn place(&self, way: Way, client: SocketAddr, local: SocketAddr) -> io::Result<Place> {
        if way == Way::Inbound {
            return Ok(Place { way, client, original: local });
        }
        // One that was not led here, but came by itself, has nowhere to go.
        let stranger = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = sources.as_mut().ok_or_else(stranger)?;
        let key = End { address: client, whose: 0 }.bytes();
        let asked = sources.get(&key, 0).map_err(|_| stranger())?;
        // The next one at this source must not be taken for it.
        let _gone = sources.remove(&key);
        let asked = End::read(&asked).ok_or_else(stranger)?;
        let way = Way::Outbound(u64::from(asked.whose));
        Ok(Place { way, client, original: asked.address })
    }

    fn bound(&self, local: SocketAddr, place: &Place) -> io::Result<()> {
        let client = inbound::client(self.netns_cookie, place.client);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(local.port().to_ne_bytes(), client, 0).map_err(io::Error::other)
    }

    fn closed(&self, local: SocketAddr) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // A port that is not there needs no removal.
        let _gone = clients.remove(&local.port().to_ne_bytes());
    }
}
