//! Traffic of a target through a proxy in this process: the redirect that the kernel holds, the
//! thread in the target's network namespace, and their end. Faults of the families `http`, `grpc`,
//! `tls` and `dns` are thin on top of it.
//!
//! A fault works out an [`Undo`] in `prepare`, and gets a [`Redirected`] from [`Undo::apply`] for
//! what it wants done: rules for HTTP, or a handler of whole connections. All faults of this
//! process in one network namespace share one redirect and one proxy, each with a lease, a scope
//! and counters of its own. When the last of them is dropped, new connections go straight, and
//! those in the proxy are carried on until they end.

mod doors;
mod ends;
mod held;
mod inbound;
mod leases;
mod led;
pub(in crate::sys) mod others;
mod outbound;
mod plane;
mod space;

pub use doors::{Door, Doors, Origins};
pub use ends::Protocols;
pub use held::Redirected;
pub(crate) use led::Led;
pub(crate) use space::go_last;

use crate::effect::{EffectError, LeaseEnd};
use crate::sys::bpf::token;
use crate::sys::cgroup;
use crate::sys::netns::Netns;
use crate::sys::process::{refuse_own, system};
use crate::sys::scope::Scope as Whose;
use crate::values::Checked;
use crate::values::parse::cidr;
use ends::Range;
use held::Hold;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use space::{Space, of_namespace};
use squall_proxy::{BootTime, Remote, RuleSet, Scope, Stream};
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The end and the owner of every lease in maps of that name; none where it is no redirect's.
pub(crate) fn heads(map: &str) -> Result<Vec<(u64, u64)>, EffectError> {
    match map {
        inbound::CONFIG | outbound::CONFIG => leases::heads(map),
        _ => Ok(Vec::new()),
    }
}

/// What undoes a redirect; part of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The network namespace of the redirect.
    netns: u64,
    /// Marks the redirect in the kernel.
    token: u64,
    /// What is redirected.
    course: Course,
    /// Redirects of others beside it, for the record.
    beside: Vec<String>,
}

/// Which traffic, seen from the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Course {
    /// New connections to these addresses of the target.
    Inbound(Vec<SocketAddr>),
    /// What the target sends out.
    Outbound {
        /// The target.
        origin: Whose,
        /// The destinations, all where none is named.
        to: Vec<String>,
        /// Over what.
        protocols: Protocols,
    },
}

/// What is done to redirected connections.
pub enum What {
    /// Rules for the requests on them.
    Rules(RuleSet),
    /// Somebody takes whole connections.
    Stream(Box<dyn Stream>),
    /// Somebody answers at a door for each destination, UDP included: runs on a thread of its own
    /// in the target's network namespace, and ends by its own handle. Outbound only.
    Doors(Box<dyn FnOnce(Doors) + Send>),
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
        let pid = injection.target.process.pid;
        let second = locals.iter().filter_map(|local| inbound::dual(pid, *local));
        let second: Vec<SocketAddr> = second.filter(|local| !locals.contains(local)).collect();
        locals.extend(second);
        if locals.is_empty() {
            return Err(EffectError::BadValues("the target listens on no such port".to_owned()));
        }
        Undo::of_course(injection, Course::Inbound(locals))
    }

    /// Works out the redirect of what the target sends to some destinations, or to all of them
    /// where none is named. Port 22 is never redirected. Touches nothing.
    ///
    /// # Errors
    /// As [`Undo::inbound`], or when the target cannot be told from others.
    pub fn outbound(
        injection: &Injection,
        to: &[Remote],
        protocols: Protocols,
    ) -> Result<Undo, EffectError> {
        let origin = Whose::of_calls(injection.target.process)?;
        let to = to.iter().map(ends::print).collect();
        Undo::of_course(injection, Course::Outbound { origin, to, protocols })
    }

    fn of_course(injection: &Injection, course: Course) -> Result<Undo, EffectError> {
        refuse_own(injection.target.process)?;
        let netns = Netns::of(injection.target.process)?;
        let token = token(&injection.run, &injection.id);
        let beside = others::beside(&netns, injection.target.process.pid, &course)?;
        let undo = Undo { netns: netns.inode(), token, course, beside };
        // What could not be shown to be gone afterwards is not begun.
        undo.acting()?;
        Ok(undo)
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
        let doors = matches!(what, What::Doors(_)).then(|| space.doors()).transpose()?;
        let (hold, scope) = self.claim(&space, doors.as_ref().map(|(_, ports)| &ports[..]))?;
        let hidden = show_clients(&space, receipt.process.pid, &hold).err();
        // The claim leads nothing before its lease begins, when whoever wants it is there. From
        // here on its drop ends it, also when the next step fails.
        let (rules, stream) = match what {
            What::Rules(rules) => (Some(rules), None),
            What::Stream(stream) => (None, Some(stream)),
            What::Doors(serve) => {
                let (doors, _) = doors.expect("invariant: made above");
                let held = self.held(&space, scope, None, hold, hidden);
                held.serve(doors, serve)?;
                return self.begun(held, lease, reset);
            }
        };
        let held = self.held(&space, scope, stream, hold, hidden);
        if let Some(rules) = rules {
            held.layer.rules().arm(rules, BootTime(lease.boottime_ns));
        }
        self.begun(held, lease, reset)
    }

    fn claim(
        &self,
        space: &Space,
        doors: Option<&[[[u16; 2]; 2]]>,
    ) -> Result<(Hold, Scope), EffectError> {
        let lease = LeaseEnd { boottime_ns: 0, monotonic_ns: 0 };
        match &self.course {
            Course::Inbound(locals) => {
                let slot = space.inbound().claim(locals, self.token, lease)?;
                Ok((Hold::Inbound(slot), Scope::Inbound(locals.clone())))
            }
            Course::Outbound { origin, to, protocols } => {
                let remotes: Vec<Remote> =
                    to.iter().map(|text| ends::parse(text)).collect::<Result<_, _>>()?;
                let ranges = Range::all(&remotes, *protocols);
                let doors = doors.unwrap_or_default();
                let claim = space.outbound(|outbound| {
                    outbound.claim(origin, &ranges, doors, self.token, lease)
                })?;
                let scope = Scope::Outbound { origin: u64::from(claim.number), remotes };
                Ok((Hold::Outbound(claim), scope))
            }
        }
    }

    fn held(
        &self,
        space: &Arc<Space>,
        scope: Scope,
        stream: Option<Box<dyn Stream>>,
        hold: Hold,
        hidden: Option<EffectError>,
    ) -> Redirected {
        let layer = match stream {
            Some(stream) => space.proxy().stream_layer(scope, stream),
            None => space.proxy().layer(scope),
        };
        let mut mechanism = self.mechanism();
        if let Some(why) = hidden {
            mechanism = format!("{mechanism}, the target sees the proxy as its client: {why}");
        }
        Redirected { layer, hold, space: Arc::clone(space), mechanism }
    }

    fn begun(
        &self,
        held: Redirected,
        lease: LeaseEnd,
        reset: bool,
    ) -> Result<Redirected, EffectError> {
        held.extend(lease)?;
        match &self.course {
            _ if !reset => {}
            Course::Inbound(locals) => {
                held.space.destroy_inbound(locals)?;
            }
            Course::Outbound { origin, to, .. } => {
                let remotes: Result<Vec<_>, _> = to.iter().map(|text| ends::parse(text)).collect();
                held.space.destroy_outbound(origin, &remotes?)?;
            }
        }
        Ok(held)
    }

    /// Ends it whoever holds it; its links go with their holder.
    ///
    /// # Errors
    /// When the kernel shows no maps.
    pub fn revert(&self) -> Result<(), EffectError> {
        leases::end(self.config(), self.token).map(drop)
    }

    /// What still acts.
    ///
    /// # Errors
    /// When the kernel shows no maps.
    pub fn residue(&self) -> Result<Vec<String>, EffectError> {
        Ok(match self.acting()? {
            0 => Vec::new(),
            _ => vec![format!("connections are still redirected: {}", self.mechanism())],
        })
    }

    fn acting(&self) -> Result<usize, EffectError> {
        leases::acting(self.config(), self.token)
    }

    fn config(&self) -> &'static str {
        match self.course {
            Course::Inbound(_) => inbound::CONFIG,
            Course::Outbound { .. } => outbound::CONFIG,
        }
    }

    fn mechanism(&self) -> String {
        let own = self.own_mechanism();
        [own].into_iter().chain(self.beside.iter().cloned()).collect::<Vec<_>>().join(", ")
    }

    fn own_mechanism(&self) -> String {
        match &self.course {
            Course::Inbound(locals) => {
                let locals: Vec<_> = locals.iter().map(SocketAddr::to_string).collect();
                format!("sk_lookup to a proxy for {} in net:[{}]", locals.join(", "), self.netns)
            }
            Course::Outbound { origin, to, protocols } => {
                let hooks = match protocols {
                    Protocols::Tcp => "connect4/6",
                    Protocols::Both => "connect4/6, sendmsg4/6",
                };
                let to = if to.is_empty() { "everything".to_owned() } else { to.join(", ") };
                format!("cgroup {hooks} to a proxy for {to} on {}", origin.shown())
            }
        }
    }
}

/// Whom the target calls: the range under a key, or everybody, at one port or every one.
pub(crate) fn remotes(values: &Checked, key: &str, port: Option<u16>) -> Vec<Remote> {
    let every =
        [(IpAddr::from(Ipv4Addr::UNSPECIFIED), 0), (IpAddr::from(Ipv6Addr::UNSPECIFIED), 0)];
    let chosen = values.text(key).and_then(cidr);
    let ranges = chosen.map_or(every.to_vec(), |range| vec![range]);
    ranges.into_iter().map(|(network, prefix)| Remote { network, prefix, port }).collect()
}

/// What a person types when [`Undo::revert`] could not.
pub const ADVICE: &str = "squall undo, or end the agent: without it the kernel drops the redirect";

/// Shows the target its clients where it would see the proxy. It is a comfort: nothing else depends
/// on it, so the fault goes on without where it cannot be done.
fn show_clients(space: &Space, pid: u32, hold: &Hold) -> Result<(), EffectError> {
    let Hold::Inbound(slot) = hold else { return Ok(()) };
    let group = cgroup::v2_group(pid)?;
    if group.path == "/" {
        let why = "it is in the root group, where every socket of the host would be asked about";
        return Err(EffectError::Unavailable { what: "a cgroup of its own", why: why.to_owned() });
    }
    let folder = File::open(&group.folder).map_err(system("open the target's cgroup"))?;
    space.inbound().show_clients(*slot, &folder)
}

/// Loads the program and attaches it to a namespace where nothing listens.
pub(crate) fn trial(netns: &Netns) -> Result<(), EffectError> {
    inbound::trial(netns)
}

/// Loads the programs and attaches them to a cgroup, for nobody.
pub(crate) fn trial_outbound(cgroup: &File) -> Result<(), EffectError> {
    outbound::trial(cgroup)
}
