//! Traffic of a target through a proxy in this process: the redirect that the kernel holds, the
//! thread in the target's network namespace, and their end. Faults of the families `http`, `grpc`,
//! `tls` and `dns` are thin on top of it.
//!
//! A fault works out an [`Undo`] in `prepare`, and gets a [`Redirected`] from [`Undo::apply`] for
//! what it wants done: rules for HTTP, or a handler of whole connections. All faults of this
//! process in one network namespace share one redirect and one proxy, each with a lease, a scope
//! and counters of its own. When the last of them is dropped, new connections go straight, and
//! those in the proxy are carried on until they end.

mod inbound;
mod leases;
mod plane;
mod space;

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::token;
use crate::sys::netns::Netns;
use crate::sys::process::refuse_own;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use space::{Space, of_namespace};
use squall_proxy::{BootTime, Layer, RuleSet, Scope, Snapshot, Stream};
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The state of a listening socket in `/proc/PID/net/tcp`.
const LISTEN: &str = "0A";

/// What undoes a redirect; part of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The network namespace of the redirect.
    netns: u64,
    /// The addresses of the target whose new connections are redirected.
    locals: Vec<SocketAddr>,
    /// Marks the redirect in the kernel.
    token: u64,
}

/// What is done to redirected connections.
#[derive(Debug)]
pub enum What {
    /// Rules for the requests on them.
    Rules(RuleSet),
    /// Somebody takes whole connections.
    Stream(Box<dyn Stream>),
}

/// A redirect in force; dropping it ends it. Messages held for it go on at once.
pub struct Redirected {
    /// Dropped before the space: its rules end first.
    layer: Layer,
    slot: usize,
    space: Arc<Space>,
    mechanism: String,
}

impl Undo {
    /// Works out the redirect of connections to addresses of the target. Touches nothing.
    ///
    /// # Errors
    /// When the target is Squall itself, is gone, or the kernel shows no maps.
    pub fn inbound(
        injection: &Injection,
        mut locals: Vec<SocketAddr>,
    ) -> Result<Undo, EffectError> {
        let process = injection.target.process;
        refuse_own(process)?;
        let netns = Netns::of(process)?;
        let second = locals.iter().filter_map(|local| dual(process.pid, *local));
        let second: Vec<SocketAddr> = second.filter(|local| !locals.contains(local)).collect();
        locals.extend(second);
        if locals.is_empty() {
            return Err(EffectError::BadValues("the target listens on no such port".to_owned()));
        }
        let token = token(&injection.run, &injection.id);
        // What could not be shown to be gone afterwards is not begun.
        inbound::acting(token)?;
        Ok(Undo { netns: netns.inode(), locals, token })
    }

    /// Reads it back from a receipt.
    ///
    /// # Errors
    /// [`EffectError::ForeignReceipt`].
    pub fn of(receipt: &Receipt) -> Result<Undo, EffectError> {
        let undo = Undo::deserialize(&receipt.undo);
        undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
    }

    /// As it goes into a receipt.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("invariant: an undo is JSON-safe")
    }

    /// Redirects; with `reset`, connections that are open already are destroyed once.
    ///
    /// # Errors
    /// When the target moved, or the kernel refuses a part of it; then nothing is left.
    pub fn apply(
        &self,
        receipt: &Receipt,
        lease: LeaseEnd,
        what: What,
        reset: bool,
    ) -> Result<Redirected, EffectError> {
        let netns = Netns::of(receipt.process)?;
        if netns.inode() != self.netns {
            let text = "the target moved to another network namespace".to_owned();
            return Err(EffectError::InTheWay(text));
        }
        let space = of_namespace(Arc::new(netns))?;
        let scope = Scope::Inbound(self.locals.clone());
        let layer = match what {
            What::Rules(rules) => {
                let layer = space.proxy().layer(scope);
                layer.rules().arm(rules, BootTime(lease.boottime_ns));
                layer
            }
            What::Stream(stream) => space.proxy().stream_layer(scope, stream),
        };
        let slot = space.inbound().claim(&self.locals, self.token, lease)?;
        // From here on its drop ends it, also when the next step fails.
        let held = Redirected { layer, slot, space, mechanism: self.mechanism() };
        if reset {
            held.space.destroy(&self.locals)?;
        }
        Ok(held)
    }

    /// Ends it whoever holds it; its links go with their holder.
    ///
    /// # Errors
    /// When the kernel shows no maps.
    pub fn revert(&self) -> Result<(), EffectError> {
        inbound::end(self.token).map(drop)
    }

    /// What still acts.
    ///
    /// # Errors
    /// When the kernel shows no maps.
    pub fn residue(&self) -> Result<Vec<String>, EffectError> {
        Ok(match inbound::acting(self.token)? {
            0 => Vec::new(),
            _ => vec![format!("connections are still redirected: {}", self.mechanism())],
        })
    }

    fn mechanism(&self) -> String {
        let locals: Vec<_> = self.locals.iter().map(SocketAddr::to_string).collect();
        format!("sk_lookup to a proxy for {} in net:[{}]", locals.join(", "), self.netns)
    }
}

/// What a person types when [`Undo::revert`] could not.
pub const ADVICE: &str = "squall undo, or end the agent: without it the kernel drops the redirect";

impl Redirected {
    /// The rules, for another set while it lasts.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// What the proxy counted for this fault.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.layer.snapshot()
    }

    /// How many connections the kernel handed over for this fault.
    #[must_use]
    pub fn redirected(&self) -> u64 {
        self.space.inbound().redirected(self.slot)
    }

    /// Moves the end, in the proxy and in the kernel.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn extend(&self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.layer.rules().extend(BootTime(lease.boottime_ns));
        self.space.inbound().extend(self.slot, lease)
    }

    /// How it works here, for the record.
    #[must_use]
    pub fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

impl Drop for Redirected {
    fn drop(&mut self) {
        self.layer.rules().clear();
        self.space.inbound().release(self.slot);
    }
}

/// Loads the program and attaches it to a namespace where nothing listens.
pub(crate) fn trial(netns: &Netns) -> Result<(), EffectError> {
    inbound::trial(netns)
}

/// A listener on `[::]` usually takes IPv4 as well. It does not where another socket listens on
/// the port over IPv4; that one may be somebody else's and is left alone.
fn dual(pid: u32, local: SocketAddr) -> Option<SocketAddr> {
    if local.ip() != IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        return None;
    }
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let taken = table.lines().skip(1).any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let port = words.next().and_then(|local| local.split_once(':'));
        let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        port == Some(local.port()) && words.nth(1) == Some(LISTEN)
    });
    (!taken).then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()))
}
