//! The proxy's side: one thread that lives in the target's network namespace.

use super::inbound::Exempt;
use crate::effect::EffectError;
use crate::sys::netns::Netns;
use crate::sys::process::system;
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use squall_proxy::{Door, Place, Proxy, Upstream, Way};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How the thread stands against others.
const PROXY_NICE: i32 = -15;

/// A thread that has made its listeners and waits for the redirect.
pub(super) struct Plane {
    /// Copies of the listeners, for the redirect. Dropped as soon as it has them.
    pub(super) listeners: Vec<TcpListener>,
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
            let own = match listeners(&netns) {
                Ok((own, copies)) => {
                    let _starter_gone = ready.send(Ok(copies));
                    own
                }
                Err(error) => return drop(ready.send(Err(error))),
            };
            // A proxy that waits for the processor gives another dose than the one asked. Not
            // real-time: on a small host that would take the processor from the target.
            let _as_before = setpriority_process(None, PROXY_NICE);
            // The namespace lives by the thread from here on.
            drop(netns);
            let Ok(Go { upstream, proxy }) = told.recv() else { return };
            let door = |listener| Door { listener, way: Way::Inbound };
            let doors = own.into_iter().map(door).collect();
            // Whoever holds the fault sees in the counters that nothing arrives any more.
            let _ended = squall_proxy::run(doors, upstream, &proxy);
        };
        thread.spawn(body).map_err(system("start the proxy"))?;
        let listeners = made.recv().unwrap_or_else(|_| Err(io::Error::other("the thread died")));
        let listeners = listeners.map_err(system("listen in the target's network namespace"))?;
        Ok(Plane { listeners, go })
    }

    /// Starts proxying.
    pub(super) fn go(self, exempt: Exempt, proxy: Proxy) -> Result<(), EffectError> {
        let upstream = Arc::new(Ports(Mutex::new(exempt)));
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

/// Enters the namespace and listens there: the sockets, and copies for the redirect.
fn listeners(netns: &Netns) -> io::Result<(Vec<TcpListener>, Vec<TcpListener>)> {
    netns.enter()?;
    let mut own = vec![TcpListener::bind("127.0.0.1:0")?];
    // Without IPv6 in the namespace nothing arrives by it.
    own.extend(TcpListener::bind("[::1]:0"));
    let copies = own.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
    Ok((own, copies))
}

/// Lets the proxy's own connections pass the redirect.
struct Ports(Mutex<Exempt>);

impl Upstream for Ports {
    fn bound(&self, local: SocketAddr, _place: &Place) -> io::Result<()> {
        let mut exempt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exempt.insert(local.port().to_ne_bytes(), 1, 0).map_err(io::Error::other)
    }

    fn closed(&self, local: SocketAddr) {
        let mut exempt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A port that is not there needs no removal.
        let _gone = exempt.remove(&local.port().to_ne_bytes());
    }
}
