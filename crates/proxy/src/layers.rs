//! The owners of a proxy: each has rules, counters and a scope of its own, so that several faults
//! share one redirect and one proxy without knowing of each other.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{net::TcpStream, sync::watch};

use crate::{
    counters::{Counters, Snapshot},
    delay::{BootTime, Timer},
    place::{Place, Scope},
    rules::{Act, Effect, Request, Rules},
    upstream::{self, Dialed, Upstream},
};

/// What one owner does to the connections of its scope; dropping it ends that.
#[derive(Debug)]
pub struct Layer {
    inner: Arc<Inner>,
    layers: Layers,
}

/// All layers of a proxy, in the order they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    list: Arc<Mutex<Arc<Vec<Arc<Inner>>>>>,
    /// What is counted for all of them: connections, bytes, errors.
    pub(crate) shared: Arc<Counters>,
    /// Tells that the rules of some layer have changed.
    news: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Inner {
    scope: Scope,
    rules: Rules,
    counters: Counters,
    stream: Option<Box<dyn Stream>>,
}

/// An act, and the layer that asked for it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    act: Act,
    layer: Arc<Inner>,
}

/// What all layers together do to one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acts {
    /// How long it is held: one delay after the other.
    pub(crate) delays: Vec<Held>,
    /// Changes of its head, one after the other.
    pub(crate) edits: Vec<Held>,
    /// What happens to the message as a whole: of several the first.
    pub(crate) main: Option<Held>,
}

/// What all layers together say of one request.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) request: Acts,
    pub(crate) response: Acts,
}

/// Takes whole connections before anything else reads them (TLS by its hello, DNS over TCP).
pub trait Stream: Send + Sync + std::fmt::Debug + 'static {
    /// Serves a connection, or gives it back to go on as if nothing had been.
    fn serve<'a>(
        &'a self,
        connection: Connection,
    ) -> Pin<Box<dyn Future<Output = Served> + Send + 'a>>;
}

/// A connection in the hands of a [`Stream`].
pub struct Connection {
    /// The client's end.
    pub client: TcpStream,
    /// What was read from the client already; it goes on first.
    pub early: BytesMut,
    /// When the last of those bytes came; before there are any, when the connection did.
    pub(crate) at: BootTime,
    /// Where it was meant to go.
    pub place: Place,
    /// Exact waits.
    pub timer: Timer,
    pub(crate) upstream: Arc<dyn Upstream>,
    /// The connection to the service, once one was wanted.
    pub(crate) dialed: Option<Dialed>,
}

/// What became of a connection.
#[derive(Debug)]
pub enum Served {
    /// It goes on to the service.
    On(Box<Connection>),
    /// It ended; dropping it closed it.
    Ended,
}

impl Connection {
    /// Connects to the service unless that was done; it is what the connection goes on with.
    ///
    /// # Errors
    /// When the service does not take it.
    pub async fn dial(&mut self) -> io::Result<&mut TcpStream> {
        let dialed = match self.dialed.take() {
            Some(dialed) => dialed,
            None => {
                let began = BootTime::now();
                let dialed = upstream::dial(&self.upstream, &self.place).await?;
                // The way to the service is not the proxy's: a delay comes on top of it.
                self.at = self.at.after(BootTime::now().since(began));
                dialed
            }
        };
        Ok(&mut self.dialed.insert(dialed).stream)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Layer {
    /// Returns its rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// Reads its own counters, and those that all layers of the proxy share: connections, bytes,
    /// errors and connections that could not be read.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let shared = self.layers.shared.snapshot();
        Snapshot {
            connections: shared.connections,
            open: shared.open,
            passed_bytes: shared.passed_bytes,
            errors: shared.errors,
            unread: shared.unread,
            ..self.inner.counters.snapshot()
        }
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.inner.rules.clear();
        let mut list = self.layers.lock();
        let left = list.iter().filter(|other| !Arc::ptr_eq(other, &self.inner));
        *list = Arc::new(left.cloned().collect());
    }
}

impl Layers {
    pub(crate) fn add(&self, scope: Scope, stream: Option<Box<dyn Stream>>) -> Layer {
        let rules = Rules::telling(Arc::clone(&self.news));
        let counters = Counters::default();
        let inner = Arc::new(Inner { scope, rules, counters, stream });
        let mut list = self.lock();
        *list = Arc::new(list.iter().chain([&inner]).cloned().collect());
        drop(list);
        Layer { inner, layers: self.clone() }
    }

    /// Returns a view that tells when the rules of some layer have changed.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Ends the rules of all layers.
    pub(crate) fn clear(&self) {
        self.now().iter().for_each(|layer| layer.rules.clear());
    }

    /// Tells whether rules of any layer may act on a connection.
    pub(crate) fn armed(&self, place: &Place, now: BootTime) -> bool {
        self.now().iter().any(|layer| layer.rules.armed(now) && layer.scope.holds(place))
    }

    /// Tells whether any layer wants to read a connection.
    pub(crate) fn read(&self, place: &Place, now: BootTime) -> bool {
        let wants = |layer: &Inner| layer.stream.is_some() || layer.rules.armed(now);
        self.now().iter().any(|layer| wants(layer) && layer.scope.holds(place))
    }

    /// Asks every layer in whose scope the connection is about one request.
    pub(crate) fn decide(&self, place: &Place, request: &Request<'_>, now: BootTime) -> Decided {
        let mut decided = Decided::default();
        for layer in self.now().iter().filter(|layer| layer.scope.holds(place)) {
            let decision = layer.rules.decide(request, now);
            layer.counters.request(request.path, decision.matched, decision.hit());
            let held = |act| Held { act, layer: Arc::clone(layer) };
            decided.request.extend(decision.request.map(held));
            decided.response.extend(decision.response.map(held));
        }
        decided
    }

    /// Lets the streams of all layers have a connection, one after the other.
    pub(crate) async fn stream(&self, mut connection: Connection) -> Served {
        let place = connection.place;
        for layer in self.now().iter().filter(|layer| layer.scope.holds(&place)) {
            if let Some(stream) = &layer.stream {
                match stream.serve(connection).await {
                    Served::On(back) => connection = *back,
                    Served::Ended => return Served::Ended,
                }
            }
        }
        Served::On(Box::new(connection))
    }

    fn now(&self) -> Arc<Vec<Arc<Inner>>> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Vec<Arc<Inner>>>> {
        // Nothing that can panic runs under the lock.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acts {
    /// Tells whether the message passes as it came.
    pub(crate) fn is_empty(&self) -> bool {
        self.delays.is_empty() && self.edits.is_empty() && self.main.is_none()
    }

    fn extend(&mut self, held: Option<Held>) {
        let Some(held) = held else { return };
        match held.effect() {
            Effect::Delay(_) => self.delays.push(held),
            Effect::Edit(_) | Effect::Deadline { .. } => self.edits.push(held),
            _ => self.main = self.main.take().or(Some(held)),
        }
    }
}

impl Held {
    pub(crate) fn effect(&self) -> &Effect {
        self.act.effect()
    }

    /// How long the message is held.
    pub(crate) fn asked(&self) -> Duration {
        self.act.asked
    }

    /// Tells whether the rules that asked for it are still in force.
    pub(crate) fn stands(&self, now: BootTime) -> bool {
        self.layer.rules.stands(&self.act, now)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.layer.rules
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.layer.counters
    }
}
