//! A limit of processes and threads on the target's cgroup; the kernel counts what it refuses.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd, Mechanism};
use crate::sys::place::{Controller, LimitFault, Place};
use crate::values::Checked;
use squall_wire::injection::Bite;

/// The effect.
pub static EFFECT: &dyn Effect = &LIMIT;

const MAX: &str = "pids.max";
const CURRENT: &str = "pids.current";
const EVENTS: &str = "pids.events";
static CONTROLLER: Controller = Controller { name: "pids", v1: &[MAX], v2: &[MAX] };

const MECHANISMS: &[Mechanism] = &[
    Mechanism {
        name: "cgroup v1 pids.max",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(false),
    },
    Mechanism {
        name: "cgroup v2 pids.max",
        death: Controller::DEATH,
        trial: || CONTROLLER.trial(true),
    },
];

static LIMIT: LimitFault = LimitFault { controller: &CONTROLLER, mechanisms: MECHANISMS, limit };

struct Held {
    place: Place,
    max: u64,
    before: u64,
}

fn limit(place: Place, values: &Checked) -> Result<Box<dyn Holder>, EffectError> {
    let leave = u64::try_from(values.integer("leave")).unwrap_or(0);
    let max = place.number(CURRENT).unwrap_or(0) + leave;
    let before = refused(&place);
    place.set(MAX, &max.to_string())?;
    Ok(Box::new(Held { place, max, before }))
}

/// How often the kernel refused a process or a thread for this limit.
fn refused(place: &Place) -> u64 {
    place.counter(EVENTS, "max").unwrap_or(0)
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let hits = refused(&self.place).saturating_sub(self.before);
        let now = self.place.number(CURRENT).unwrap_or(0);
        let detail = format!("{hits} starts refused; {now} of {} are there", self.max);
        Ok(Bite { hits, seen: hits, detail, ..Bite::default() })
    }

    fn extend(&mut self, _lease: LeaseEnd) -> Result<(), EffectError> {
        // The kernel holds no deadline for a limit; the watchdog does.
        Ok(())
    }

    fn mechanism(&self) -> String {
        format!("at most {} processes and threads, {}", self.max, self.place.word())
    }
}
