//! Places are taken in the kernel, when a connection begins, and given back when it ends; a thread
//! counts the sockets now and then and puts right what got lost between.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::armed::{self, Armed, Object};
use crate::sys::bpf::{self, unavailable};
use crate::sys::netns::Netns;
use crate::sys::process::{Handle, system};
use crate::sys::rule::{ARRIVING, LEAVING, Rule, Tally};
use crate::sys::scope::Scope;
use crate::sys::sock_diag;
use crate::values::Checked;
use aya::maps::{Array, MapData};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Limit;

static OBJECT: Object = Object {
    what: "a limit of connections (sk_lookup, connect, sockops)",
    name: "limit",
    bytes: aya::include_bytes_aligned!("effect.bpf.o"),
};

/// How often the sockets are counted.
const COUNT: Duration = Duration::from_millis(50);

struct Limit;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    scope: Scope,
    netns: u64,
    token: u64,
}

struct Held {
    armed: Armed,
    /// Dropped to end the thread that counts.
    _counts: Sender<()>,
    most: i64,
    mechanism: String,
}

impl Effect for Limit {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let target = injection.target.process;
        let scope = Scope::of_calls(target)?;
        if matches!(scope, Scope::Process { .. }) {
            let text = "the connections of one process of a shared cgroup cannot be counted; start \
                        it in a cgroup of its own (a container, a systemd unit)";
            return Err(EffectError::InTheWay(text.to_owned()));
        }
        let token = bpf::token(&injection.run, &injection.id);
        Rule::of(values, token, injection.seed, LeaseEnd::NEVER).bytes()?;
        armed::tried(&OBJECT)?;
        let undo = Undo { scope, netns: Netns::of(target)?.inode(), token };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        Handle::open(receipt.process)?;
        let undo = undo(receipt)?;
        let netns = Netns::of(receipt.process)?;
        let mut rule = Rule::of(values, undo.token, injection.seed, lease);
        let is_in = values.word("direction") == "in";
        let most = values.integer("connections");
        rule.device = u32::try_from(most).unwrap_or(u32::MAX);
        rule.sides = if is_in { ARRIVING } else { LEAVING };
        let mut armed = Armed::load(&OBJECT)?;
        let cgroup = undo.scope.open()?;
        armed.on_lives("squall_limit_end", &cgroup)?;
        let hook = if is_in {
            armed.on_lookups("squall_limit_in", &netns)?;
            format!("sk_lookup in net:[{}]", netns.inode())
        } else {
            armed.on_calls("squall_limit4", &cgroup)?;
            armed.on_calls("squall_limit6", &cgroup)?;
            "cgroup connect4/6".to_owned()
        };
        let open = armed.array::<8>("limit_open")?;
        let counts = count(netns, open, rule.ports.clone(), is_in)?;
        armed.arm(rule)?;
        let mechanism = format!("{hook} and sockops on {}", undo.scope.shown());
        Ok(Box::new(Held { armed, _counts: counts, most, mechanism }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        armed::end(&OBJECT, undo(receipt)?.token)
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        Ok(match armed::acting(&OBJECT, undo.token)? {
            0 => Vec::new(),
            _ => vec![format!("connections of {} are still limited", undo.scope.shown())],
        })
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops the programs".to_owned()
    }
}

/// Counts at once, then from time to time until its sender is dropped.
fn count(
    netns: Netns,
    mut open: Array<MapData, [u8; 8]>,
    ports: Vec<u16>,
    is_in: bool,
) -> Result<Sender<()>, EffectError> {
    // One end of each connection: both are listed where both are here.
    let sockets = move || {
        let counted =
            |(local, remote): &&(u16, u16)| ports.contains(if is_in { local } else { remote });
        let all = sock_diag::ports_in_use().map_err(system("count connections"))?;
        Ok::<_, EffectError>(all.iter().filter(counted).count() as u64)
    };
    let first = netns.inside(&sockets)??;
    open.set(0, first.to_ne_bytes(), 0).map_err(unavailable(OBJECT.what))?;
    let (counts, ended) = channel::<()>();
    let thread = move || {
        let Ok(()) = netns.enter() else { return };
        let mut last = (first, first);
        while ended.recv_timeout(COUNT) == Err(RecvTimeoutError::Timeout) {
            let Ok(now) = sockets() else { return };
            let Ok(said) = open.get(&0, 0) else { return };
            let said = u64::from_ne_bytes(said);
            // Twice the same difference is one that nothing under way explains.
            let is_off = now != said && last == (now, said);
            if is_off && open.set(0, now.to_ne_bytes(), 0).is_err() {
                return;
            }
            last = (now, said);
        }
    };
    let builder = std::thread::Builder::new().name("count".into());
    builder.spawn(thread).map_err(system("start a thread"))?;
    Ok(counts)
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let Tally { seen, matched, hit, .. } = self.armed.tally()?;
        let detail = match (seen, matched) {
            (0, _) => "no new connection was seen".to_owned(),
            (_, 0) => format!("{seen} new connections seen, none of them matches"),
            _ => format!("{hit} of {matched} new connections refused beyond {}", self.most),
        };
        Ok(Bite { hits: hit, seen, detail, ..Bite::default() })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.armed.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
