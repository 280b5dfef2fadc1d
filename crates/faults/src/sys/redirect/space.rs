//! One network namespace with a redirect and a proxy in it, shared by all faults of this process.

use super::doors;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::plane::{Plane, Sources};
use crate::effect::EffectError;
use crate::sys::confine::confine;
use crate::sys::netns::Netns;
use crate::sys::process::{self, system};
use crate::sys::scope::Scope as Whose;
use crate::sys::sock_diag::{self, TcpSocket};
use squall_proxy::{Place, Proxy, Remote, Scope, Stop, Way};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

/// The redirects and the proxy of a namespace.
pub(super) struct Space {
    netns: Arc<Netns>,
    inbound: Mutex<Inbound>,
    /// Loaded when it is first wanted.
    outbound: Mutex<Option<Outbound>>,
    /// Where the proxy takes what targets send out, over IPv4 and IPv6.
    ports: [u16; 2],
    sources: Sources,
    proxy: Proxy,
}

static SPACES: Mutex<BTreeMap<u64, Weak<Space>>> = Mutex::new(BTreeMap::new());

/// Has the redirects on a cgroup go behind whatever else was attached to it: what they change, the
/// others would not recognize.
pub(crate) fn go_last(cgroup: &Path) -> Result<(), EffectError> {
    let spaces = SPACES.lock().unwrap_or_else(PoisonError::into_inner);
    let spaces: Vec<_> = spaces.values().filter_map(Weak::upgrade).collect();
    spaces.iter().try_for_each(|space| {
        let mut outbound = space.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        outbound.iter_mut().try_for_each(|outbound| outbound.go_last(cgroup))
    })
}

/// Returns the namespace's space, made now where there is none.
pub(super) fn of_namespace(netns: Arc<Netns>) -> Result<Arc<Space>, EffectError> {
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
        let (clients, ports, sources) = (inbound.clients()?, plane.ports, Sources::default());
        // From here on its drop ends the proxy, also when the next step fails.
        let (inbound, outbound) = (Mutex::new(inbound), Mutex::new(None));
        let space = Space {
            netns,
            inbound,
            outbound,
            ports,
            sources: Arc::clone(&sources),
            proxy: proxy.clone(),
        };
        plane.go(clients, sources, proxy)?;
        Ok(space)
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The redirect to the target. A step that panicked left it as the kernel has it.
    pub(super) fn inbound(&self) -> MutexGuard<'_, Inbound> {
        self.inbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the redirect of what targets send out, loaded now where it was not.
    pub(super) fn outbound<T>(
        &self,
        act: impl FnOnce(&mut Outbound) -> Result<T, EffectError>,
    ) -> Result<T, EffectError> {
        let mut outbound = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outbound) = outbound.as_mut() {
            return act(outbound);
        }
        if self.ports[0] == 0 {
            let text = "the loopback device of the target's network namespace is down";
            return Err(EffectError::InTheWay(text.to_owned()));
        }
        let mut loaded = Outbound::load(self.ports)?;
        *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = loaded.from();
        act(outbound.insert(loaded))
    }

    /// Makes the doors of one injection.
    pub(super) fn doors(&self) -> Result<doors::Made, EffectError> {
        self.inside(doors::make).map_err(system("listen in the target's network namespace"))
    }

    /// Runs something in the namespace, on a thread of its own that nobody waits for.
    pub(super) fn run_inside(
        &self,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), EffectError> {
        let netns = Arc::clone(&self.netns);
        let thread = thread::Builder::new().name("squall-doors".to_owned());
        let body = move || {
            // Without its namespace it must not act in another; unconfined it must not read.
            if netns.enter().is_ok() && confine().is_ok() {
                drop(netns);
                body();
            }
        };
        thread.spawn(body).map(drop).map_err(system("start a thread"))
    }

    /// Destroys the service's side of connections to these addresses: their clients see a reset.
    /// Returns how many there were.
    pub(super) fn destroy_inbound(&self, locals: &[SocketAddr]) -> Result<usize, EffectError> {
        let scope = Scope::Inbound(locals.to_vec());
        self.destroy(|open| {
            open.retain(|socket| {
                let (client, original) = (socket.remote, socket.local);
                scope.holds(&Place { way: Way::Inbound, client, original })
            });
        })
    }

    /// Destroys a target's connections to these destinations. The target sees a reset where the
    /// other end is in the same namespace, an abort (`ECONNABORTED`) where it is not.
    pub(super) fn destroy_outbound(
        &self,
        origin: &Whose,
        remotes: &[Remote],
    ) -> Result<usize, EffectError> {
        let own = process::sockets(&origin.members());
        self.destroy(|open| {
            let meant = |remote| remotes.is_empty() || remotes.iter().any(|to| to.holds(remote));
            let is_own = |socket: &TcpSocket| own.contains(&u64::from(socket.inode));
            let chosen: Vec<_> =
                open.iter().filter(|s| is_own(s) && meant(s.remote)).cloned().collect();
            let other_end = |socket: TcpSocket| {
                let ends = (socket.remote, socket.local);
                let other = open.iter().find(|other| (other.local, other.remote) == ends);
                other.cloned().unwrap_or(socket)
            };
            *open = chosen.into_iter().map(other_end).collect();
        })
    }

    fn destroy(
        &self,
        choose: impl FnOnce(&mut Vec<TcpSocket>) + Send,
    ) -> Result<usize, EffectError> {
        let destroyed = self.inside(|| {
            let mut open = sock_diag::open()?;
            choose(&mut open);
            sock_diag::destroy(&open)
        });
        destroyed.map_err(system("reset open connections"))
    }

    /// Does something in the namespace: a thread that entered it ends there.
    fn inside<T: Send>(&self, body: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let entered = || self.netns.enter().and_then(|()| body());
        let done = thread::scope(|scope| scope.spawn(entered).join());
        done.unwrap_or_else(|_| Err(io::Error::other("the thread died")))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The redirect first. The listeners stay a moment longer, for handshakes under way; open
        // connections are carried on by the thread, which ends with the last of them or when the
        // proxy's patience does.
        self.inbound().detach();
        let mut outbound = self.outbound.lock().unwrap_or_else(PoisonError::into_inner);
        outbound.iter_mut().for_each(Outbound::detach);
        self.proxy.stop(Stop::Drain);
    }
}
