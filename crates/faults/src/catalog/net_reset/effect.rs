//! Connections are looked for in the target's namespace and ended one by one. The target is to
//! see ECONNRESET, which the owner of a destroyed socket does not: it sees ECONNABORTED.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::clock::boottime_ns;
use crate::sys::netns::Netns;
use crate::sys::process::{self, Handle, system};
use crate::sys::reset::{Choice, Done, reset};
use crate::values::Checked;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Reset;

struct Reset;

/// Nothing is left to undo; the namespace is for people.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    netns: u64,
}

struct Held {
    done: Arc<Mutex<Done>>,
    ends_ns: Arc<AtomicU64>,
    /// Dropped to end the thread that does it again.
    _again: Option<Sender<()>>,
    mechanism: String,
}

impl Effect for Reset {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        let target = injection.target.process;
        process::refuse_own(target)?;
        let undo = Undo { netns: Netns::of(target)?.inode() };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        Handle::open(receipt.process)?;
        let netns = Netns::of(receipt.process)?;
        let (target, choice) = (receipt.process, Choice::of(values));
        let first = netns.inside(|| reset(target, &choice))??;
        let done = Arc::new(Mutex::new(first));
        let ends_ns = Arc::new(AtomicU64::new(lease.boottime_ns));
        let every = values.duration("every");
        let mechanism = format!("sock_diag and pidfd_getfd in net:[{}]", netns.inode());
        let again = if every.is_zero() {
            None
        } else {
            Some(again(netns, target, choice, every, (Arc::clone(&done), Arc::clone(&ends_ns)))?)
        };
        Ok(Box::new(Held { done, ends_ns, _again: again, mechanism }))
    }

    fn revert(&self, _receipt: &Receipt) -> Result<(), EffectError> {
        Ok(())
    }

    fn residue(&self, _receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Vec::new())
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "nothing is left to undo: new connections work".to_owned()
    }
}

/// Starts the thread that does it again until its sender is dropped or the lease is over.
fn again(
    netns: Netns,
    target: ProcessIdentity,
    choice: Choice,
    every: Duration,
    shared: (Arc<Mutex<Done>>, Arc<AtomicU64>),
) -> Result<Sender<()>, EffectError> {
    let (again, ended) = channel::<()>();
    let thread = move || {
        let (done, ends_ns) = shared;
        let Ok(()) = netns.enter() else { return };
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if boottime_ns() >= ends_ns.load(Ordering::Relaxed) {
                continue;
            }
            // A target that is gone has no connections.
            let Ok(more) = reset(target, &choice) else { return };
            done.lock().unwrap_or_else(PoisonError::into_inner).add(more);
        }
    };
    let builder = std::thread::Builder::new().name("reset".into());
    builder.spawn(thread).map_err(system("start a thread"))?;
    Ok(again)
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let done = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let hits = done.hits();
        let detail = match (done.seen, done.matched) {
            (0, _) => "the target had no open connection".to_owned(),
            (seen, 0) => format!("{seen} open connections, none of them matches"),
            _ => format!(
                "{hits} of {} matching connections reset ({} at their other end, {} at the \
                 target's own, {} as aborted), {} seen",
                done.matched, done.at_peer, done.at_own, done.aborted, done.seen
            ),
        };
        Ok(Bite { hits, seen: done.seen, detail, ..Bite::default() })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.ends_ns.store(lease.boottime_ns, Ordering::Relaxed);
        Ok(())
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}
