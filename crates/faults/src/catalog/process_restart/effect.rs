//! Asks the supervisor, or ends the process and watches that it starts the next one.

use super::unit;
use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::fault::Death;
use crate::sys::clock;
use crate::sys::process::{self, Handle, system};
use crate::sys::stopping::is_same;
use crate::values::Checked;
use rustix::process::Signal;
use serde_json::{Value, json};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Restart;

/// Between two looks for the next instance.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// From boot to a start time: a process started in the same tick may be the next one.
const TICK_NS: u64 = 10_000_000;

const MECHANISMS: &[Mechanism] = &[
    Mechanism { name: "systemctl restart", death: Death::OneShot, trial: unit::trial },
    Mechanism {
        name: "SIGTERM, its parent starts it again",
        death: Death::OneShot,
        trial: || Ok("wherever the parent does; the bite says whether it did".to_owned()),
    },
];

struct Restart;

/// What both supervisors have in common: how the next instance is known.
#[derive(Clone)]
struct Watch {
    old: ProcessIdentity,
    name: String,
    parent: u32,
    /// Of systemd's unit; any parent will do there.
    unit: Option<String>,
    begun_ns: u64,
    grace: Duration,
    within: Duration,
}

#[derive(Default)]
struct Seen {
    ended_ns: Option<u64>,
    next: Option<(u32, u64)>,
    killed: bool,
}

struct Held {
    watch: Watch,
    seen: Arc<Mutex<Seen>>,
    /// Dropped to end the watching.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Effect for Restart {
    fn mechanisms(&self) -> &'static [Mechanism] {
        MECHANISMS
    }

    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let target = injection.target.process;
        let parent = process::stat(target.pid).ok_or(EffectError::TargetGone)?.parent;
        let unit = unit::of(target.pid);
        Handle::open(target)?;
        process::refuse_own(target)?;
        if values.word("by") == "parent" {
            if parent <= 1 {
                let text = "its parent is process 1: `by: systemd` asks for its unit, and without \
                            a unit nobody starts it again";
                return Err(EffectError::InTheWay(text.to_owned()));
            }
            return Ok(json!({}));
        }
        unit::trial()
            .map_err(|why| EffectError::Unavailable { what: "a restart by systemd", why })?;
        match unit {
            Some(_) => Ok(json!({})),
            None => {
                let text = format!(
                    "{} is in no unit of systemd; `by: parent` where its parent, pid {parent}, \
                     starts it again",
                    injection.target.name
                );
                Err(EffectError::InTheWay(text))
            }
        }
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        _lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let old = receipt.process;
        let stat = process::stat(old.pid).ok_or(EffectError::TargetGone)?;
        let by_systemd = values.word("by") == "systemd";
        let unit = if by_systemd { unit::of(old.pid) } else { None };
        let handle = Handle::open(old)?;
        let watch = Watch {
            old,
            name: stat.name,
            parent: stat.parent,
            unit,
            begun_ns: clock::boottime_ns(),
            grace: values.duration("grace"),
            within: values.duration("within"),
        };
        match &watch.unit {
            Some(unit) => unit::restart(unit).map_err(system("ask systemd for the restart"))?,
            None if by_systemd => return Err(EffectError::TargetGone),
            None => handle.signal(Signal::TERM)?,
        }
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (end, ended) = channel::<()>();
        let (told, watching) = (seen.clone(), watch.clone());
        let body = move || {
            while !watching.look(&handle, &told)
                && ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout)
            {}
        };
        let thread = thread::Builder::new().name("squall-restart".to_owned());
        let thread = Some(thread.spawn(body).map_err(system("start a thread"))?);
        Ok(Box::new(Held { watch, seen, end: Some(end), thread }))
    }

    fn revert(&self, _receipt: &Receipt) -> Result<(), EffectError> {
        Ok(())
    }

    fn residue(&self, _receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Vec::new())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        format!("nothing to undo; start {} again where its supervisor did not", receipt.target)
    }
}

impl Watch {
    /// One look; true once there is nothing more to see.
    fn look(&self, handle: &Handle, told: &Mutex<Seen>) -> bool {
        let age_ns = clock::boottime_ns() - self.begun_ns;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if is_same(self.old) {
            let is_late = Duration::from_nanos(age_ns) >= self.grace;
            if self.unit.is_none() && is_late && !told.killed {
                // It may have ended in this moment.
                told.killed = handle.signal(Signal::KILL).is_ok();
            }
            return Duration::from_nanos(age_ns) > self.grace + self.within;
        }
        told.ended_ns.get_or_insert(age_ns);
        if let Some(pid) = self.next() {
            told.next = Some((pid, age_ns));
            return true;
        }
        Duration::from_nanos(age_ns) > self.grace + self.within
    }

    /// The next instance: of the same name, started since, by the same parent or in the same unit.
    fn next(&self) -> Option<u32> {
        let begun_ticks = self.begun_ns.saturating_sub(TICK_NS) / TICK_NS;
        let is_next = |(pid, stat): &(u32, process::Stat)| {
            let related = match &self.unit {
                Some(unit) => unit::of(*pid).as_ref() == Some(unit),
                None => stat.parent == self.parent && stat.name == self.name,
            };
            related && stat.start_ticks >= begun_ticks && stat.state != 'Z' && *pid != self.old.pid
        };
        process::all().into_iter().find(is_next).map(|(pid, _)| pid)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = |ns: u64| ns / 1_000_000;
        let pid = self.watch.old.pid;
        let how = if seen.killed { " by SIGKILL, after the grace" } else { "" };
        let detail = match (seen.ended_ns, seen.next) {
            (Some(ended), Some((next, since))) => {
                format!(
                    "pid {pid} ended{how} after {} ms, pid {next} followed at {} ms",
                    ms(ended),
                    ms(since)
                )
            }
            (Some(ended), None) => {
                format!("pid {pid} ended{how} after {} ms; nobody has started it again", ms(ended))
            }
            (None, _) => format!("pid {pid} has not ended yet"),
        };
        Ok(Bite { hits: u64::from(seen.next.is_some()), seen: 1, detail, ..Bite::default() })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        Ok(())
    }

    fn mechanism(&self) -> String {
        match &self.watch.unit {
            Some(unit) => format!("systemctl restart {unit}"),
            None => format!("SIGTERM; its parent, pid {}, starts it again", self.watch.parent),
        }
    }
}
