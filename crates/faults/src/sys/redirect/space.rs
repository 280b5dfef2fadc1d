//! One network namespace with a redirect and a proxy in it, shared by all faults of this process.

use super::inbound::Inbound;
use super::plane::Plane;
use crate::effect::EffectError;
use crate::sys::netns::Netns;
use crate::sys::process::system;
use crate::sys::sock_diag;
use squall_proxy::{Proxy, Stop};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

/// The redirect and the proxy of a namespace.
pub(super) struct Space {
    netns: Arc<Netns>,
    inbound: Mutex<Inbound>,
    proxy: Proxy,
}

/// Returns the namespace's space, made now where there is none.
pub(super) fn of_namespace(netns: Arc<Netns>) -> Result<Arc<Space>, EffectError> {
    static SPACES: Mutex<BTreeMap<u64, Weak<Space>>> = Mutex::new(BTreeMap::new());
    // A panic while one was made left none behind.
    let mut spaces = SPACES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(space) = spaces.get(&netns.inode()).and_then(Weak::upgrade) {
        return Ok(space);
    }
    spaces.retain(|_, space| space.strong_count() > 0);
    let space = Arc::new(Space::make(Arc::clone(&netns))?);
    spaces.insert(netns.inode(), Arc::downgrade(&space));
    Ok(space)
}

impl Space {
    fn make(netns: Arc<Netns>) -> Result<Space, EffectError> {
        let proxy = Proxy::new();
        let mut inbound = Inbound::load()?;
        let mut plane = Plane::start(Arc::clone(&netns))?;
        let listeners = std::mem::take(&mut plane.listeners);
        inbound.attach(&netns, &listeners)?;
        drop(listeners);
        let exempt = inbound.exempt()?;
        // From here on its drop ends the proxy, also when the next step fails.
        let space = Space { netns, inbound: Mutex::new(inbound), proxy: proxy.clone() };
        plane.go(exempt, proxy)?;
        Ok(space)
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The redirect to the target. A step that panicked left it as the kernel has it.
    pub(super) fn inbound(&self) -> MutexGuard<'_, Inbound> {
        self.inbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Destroys the service's side of connections to these addresses: their clients see a reset.
    /// Returns how many there were.
    pub(super) fn destroy(&self, addresses: &[SocketAddr]) -> Result<usize, EffectError> {
        let inside = || {
            self.netns.enter()?;
            let mut open = sock_diag::open()?;
            open.retain(|socket| is_meant(addresses, socket.local));
            sock_diag::destroy(&open)
        };
        // A thread that entered a namespace ends there.
        let done = thread::scope(|scope| scope.spawn(inside).join());
        done.unwrap_or_else(|_| Err(io::Error::other("the thread died")))
            .map_err(system("reset open connections"))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The redirect first. The listeners stay a moment longer, for handshakes under way; open
        // connections are carried on by the thread, which ends with the last of them or when the
        // proxy's patience does.
        self.inbound().detach();
        self.proxy.stop(Stop::Drain);
    }
}

fn is_meant(addresses: &[SocketAddr], local: SocketAddr) -> bool {
    let ip = local.ip().to_canonical();
    addresses.iter().any(|address| {
        let meant = address.ip().to_canonical();
        let any = meant.is_unspecified() && meant.is_ipv4() == ip.is_ipv4();
        address.port() == local.port() && (any || meant == ip)
    })
}
