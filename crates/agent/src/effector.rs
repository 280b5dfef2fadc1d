//! Hands that touch the system: one worker thread an injection, so that a slow fault delays no
//! other. Workers are kept for the next injection; nothing is spawned on the way to an effect.

use crate::core::{Client, Event, Reverted, Slot};
use crate::points::{Point, reach};
use crate::restore::restore;
use squall_faults::catalog::{self, Entry};
use squall_faults::effect::{EffectError, Holder, LeaseEnd};
use squall_faults::sys::clock;
use squall_faults::values::{Checked, check_resolved};
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::Refusal;
use squall_wire::receipt::Receipt;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Workers kept at rest: a usual run has one or two injections.
const IDLE_WORKERS_MAX: usize = 2;

/// One step for a worker.
#[derive(Debug)]
pub(crate) enum Job {
    /// Check the values, work out the undo.
    Prepare(Box<Injection>),
    /// Apply what was prepared.
    Apply(Box<Receipt>, u64),
    /// Move the deadline.
    Extend(u64),
    /// Measure.
    Bite(Client, u64),
    /// Drop the holder, undo, look for residue.
    Revert(Box<Receipt>),
    /// Forget everything.
    Release,
}

/// All workers.
pub(crate) struct Effector<T> {
    busy: BTreeMap<Slot, Sender<(Slot, Job)>>,
    idle: Vec<Sender<(Slot, Job)>>,
    events: Sender<T>,
}

impl<T: From<Event> + Send + 'static> Effector<T> {
    /// An effector whose answers go to `events`, with one worker ready.
    pub(crate) fn new(events: Sender<T>) -> Effector<T> {
        let mut effector = Effector { busy: BTreeMap::new(), idle: Vec::new(), events };
        effector.idle.extend(effector.spawn());
        effector
    }

    /// Gives a slot's worker one more step; steps of one slot are done in order.
    pub(crate) fn give(&mut self, slot: Slot, job: Job) {
        if matches!(job, Job::Release) {
            let Some(worker) = self.busy.remove(&slot) else { return };
            if worker.send((slot, job)).is_ok() && self.idle.len() < IDLE_WORKERS_MAX {
                self.idle.push(worker);
            }
            return;
        }
        if !self.busy.contains_key(&slot) {
            let Some(worker) = self.idle.pop().or_else(|| self.spawn()) else {
                return self.no_thread(slot, &job);
            };
            self.busy.insert(slot, worker);
        }
        if let Some(worker) = self.busy.get(&slot) {
            // A worker ends only when this end is dropped.
            let _ = worker.send((slot, job));
        }
    }

    fn spawn(&self) -> Option<Sender<(Slot, Job)>> {
        let (jobs, todo) = channel();
        let events = self.events.clone();
        let worker = thread::Builder::new().name("effect".into());
        worker.spawn(move || work(&todo, &events)).ok().map(|_| jobs)
    }

    /// Without a thread an undo still has to happen: slowly, in the caller's.
    fn no_thread(&self, slot: Slot, job: &Job) {
        let event = match job {
            Job::Revert(receipt) => Event::Reverted { slot, how: Box::new(restore(receipt)) },
            Job::Prepare(_) => {
                let message = "the host gives no more threads".to_owned();
                let help = Some("end other work on this host, then try again".to_owned());
                let refusal = Refusal { code: "full".into(), message, help };
                Event::Prepared { slot, result: Err(refusal) }
            }
            _ => return,
        };
        let _ = self.events.send(event.into());
    }
}

/// What a worker holds of its injection.
#[derive(Default)]
struct Hand {
    prepared: Option<(Box<Injection>, Checked, &'static Entry)>,
    holder: Option<Box<dyn Holder>>,
}

fn work<T: From<Event>>(todo: &Receiver<(Slot, Job)>, events: &Sender<T>) {
    let mut hand = Hand::default();
    while let Ok((slot, job)) = todo.recv() {
        let event = match job {
            Job::Prepare(injection) => {
                let result = guarded(|| hand.prepare(injection)).and_then(|inner| inner);
                Event::Prepared { slot, result }
            }
            Job::Apply(receipt, deadline_ns) => {
                let start = clock::monotonic_ns();
                let result = guarded(|| hand.apply(&receipt, deadline_ns)).and_then(|inner| inner);
                let took_us = (clock::monotonic_ns() - start) / 1_000;
                Event::Applied { slot, result: result.map(|mechanism| (mechanism, took_us)) }
            }
            Job::Extend(deadline_ns) => match guarded(|| hand.extend(deadline_ns)) {
                Ok(Ok(())) => continue,
                Ok(Err(_)) | Err(_) => Event::Lost { slot },
            },
            Job::Bite(client, call) => {
                let result = guarded(|| hand.bite()).and_then(|inner| inner);
                reach(Point::Measured);
                Event::Bitten { client, call, result }
            }
            Job::Revert(receipt) => {
                let how = guarded(|| hand.revert(&receipt)).unwrap_or_else(|refusal| Reverted {
                    error: Some(refusal.message),
                    advice: "squall undo".into(),
                    ..Reverted::default()
                });
                Event::Reverted { slot, how: Box::new(how) }
            }
            Job::Release => {
                hand = Hand::default();
                continue;
            }
        };
        if events.send(event.into()).is_err() {
            return;
        }
    }
}

impl Hand {
    fn prepare(&mut self, injection: Box<Injection>) -> Result<serde_json::Value, Refusal> {
        let name = &injection.fault;
        let entry = catalog::find(name).ok_or_else(|| Refusal {
            code: "unknown".into(),
            message: format!("this agent has no fault `{name}`"),
            help: Some("`squall faults` lists them; a newer agent may know it".into()),
        })?;
        let values = check_resolved(entry.fault, &injection.params, &injection.filters);
        let values = values.map_err(|issues| Refusal {
            code: "values".into(),
            message: issues.iter().map(|i| i.message.as_str()).collect::<Vec<_>>().join("; "),
            help: issues.into_iter().find_map(|issue| issue.help),
        })?;
        refuse_children(&injection)?;
        entry.fault.fits(&values, &injection.target).map_err(|why| Refusal {
            code: "unsupported".into(),
            message: format!("{name} cannot act on {}: {why}", injection.target.name),
            help: Some(format!("`squall faults {name}` says what it acts on")),
        })?;
        let undo =
            entry.effect.prepare(&injection, &values).map_err(|e| refused(&injection, &e))?;
        self.prepared = Some((injection, values, entry));
        Ok(undo)
    }

    fn apply(&mut self, receipt: &Receipt, deadline_ns: u64) -> Result<String, Refusal> {
        let (injection, values, entry) = self.prepared.as_ref().ok_or_else(|| Refusal {
            code: "bug".into(),
            message: "apply without prepare".into(),
            help: Some("please report this".into()),
        })?;
        let applied = entry.effect.apply(injection, values, receipt, lease_end(deadline_ns));
        let holder = applied.map_err(|error| refused(injection, &error))?;
        let mechanism = holder.mechanism();
        self.holder = Some(holder);
        reach(Point::Applied);
        Ok(mechanism)
    }

    fn extend(&mut self, deadline_ns: u64) -> Result<(), EffectError> {
        self.holder.as_mut().map_or(Ok(()), |holder| holder.extend(lease_end(deadline_ns)))
    }

    fn bite(&mut self) -> Result<Bite, Refusal> {
        let (Some(holder), Some((injection, _, entry))) =
            (self.holder.as_mut(), self.prepared.as_ref())
        else {
            let message = "the injection is not in place".to_owned();
            return Err(Refusal { code: "gone".into(), message, help: None });
        };
        let bite = holder.bite().map_err(|error| refused(injection, &error))?;
        let tolerance = entry.fault.describe().tolerance.allowed(&bite);
        Ok(Bite { tolerance, ..bite })
    }

    fn revert(&mut self, receipt: &Receipt) -> Reverted {
        let bite = self.bite().ok();
        // The holder goes first: what the kernel ties to it ends here.
        let holder = self.holder.take();
        let dropped = guarded(|| drop(holder));
        reach(Point::HolderDropped);
        let mut how = restore(receipt);
        if let (Err(refusal), None) = (dropped, &how.error) {
            how.error = Some(refusal.message);
        }
        Reverted { bite, ..how }
    }
}

/// Watchdog and workers are this process's children: a fault on one of them would be a fault on
/// what restores. The faults themselves refuse the agent and whatever started it.
fn refuse_children(injection: &Injection) -> Result<(), Refusal> {
    let pid = injection.target.process.pid;
    let parent = squall_faults::sys::process::stat(pid).map(|stat| stat.parent);
    if parent != Some(std::process::id()) {
        return Ok(());
    }
    Err(Refusal {
        code: "in the way".into(),
        message: format!("pid {pid} is one of Squall's own processes"),
        help: Some("choose another target".into()),
    })
}

fn lease_end(deadline_ns: u64) -> LeaseEnd {
    let left_ns = deadline_ns.saturating_sub(clock::boottime_ns());
    let monotonic_ns = clock::monotonic_ns().saturating_add(left_ns);
    LeaseEnd { boottime_ns: deadline_ns, monotonic_ns }
}

/// A fault that panics must not take the agent, and with it other faults' undo, along.
fn guarded<R>(step: impl FnOnce() -> R) -> Result<R, Refusal> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Refusal {
            code: "bug".into(),
            message: format!("the fault's code panicked: {text}"),
            help: Some("please report this; what it did is undone from the receipt".into()),
        }
    })
}

fn refused(injection: &Injection, error: &EffectError) -> Refusal {
    let (name, target) = (&injection.fault, &injection.target.name);
    let (code, help) = match error {
        EffectError::TargetGone => ("gone", "it restarted or ended; run `squall plan` again"),
        EffectError::Unavailable { .. } => ("unsupported", "`squall doctor` says what is missing"),
        EffectError::InTheWay(_) => ("in the way", "remove what stands in the way, then try again"),
        EffectError::BadValues(_) => ("values", "`squall faults NAME` says what it takes"),
        EffectError::System { .. } => ("system", "`squall doctor` tries each mechanism"),
        EffectError::ForeignReceipt(_) => ("bug", "please report this"),
    };
    let message = format!("{name} on {target}: {error}");
    Refusal { code: code.into(), message, help: Some(help.into()) }
}
