//! Faults that hold packets: what such a fault says is data, this is what they all do with it.

use super::{Counted, Line};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::armed::{self, Armed, Object};
use crate::sys::lateness::Lateness;
use crate::sys::netns::Netns;
use crate::sys::packets::Undo;
use crate::sys::rule::{Rule, Tally};
use crate::values::Checked;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

static OBJECT: Object = Object {
    what: "a detour for packets (tcx and TAP)",
    name: "line",
    bytes: aya::include_bytes_aligned!("line.bpf.o"),
};

/// A fault that holds packets.
pub(crate) struct LineFault {
    /// How late the packets are that were chosen.
    pub(crate) lateness: fn(&Checked, u64) -> Lateness,
    /// What it has done, from both counters.
    pub(crate) bite: fn(&Line, Tally) -> Bite,
}

struct Held {
    line: Line,
    bite: fn(&Line, Tally) -> Bite,
    mechanism: String,
}

impl Effect for LineFault {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let undo = Undo::of(injection)?;
        if Netns::of(injection.target.process)?.is_first() {
            return Err(EffectError::InTheWay(
                "the target lives in the host's own network namespace, where Squall makes no \
                 devices; start it in a container, or use a fault of the family http"
                    .to_owned(),
            ));
        }
        Rule::of(values, 0, 0, LeaseEnd::NEVER).bytes()?;
        armed::tried(&OBJECT)?;
        Ok(undo.value())
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let undo = Undo::read(receipt)?;
        let netns = undo.enterable(receipt)?;
        let rule = undo.rule(values, injection.seed, lease);
        let lateness = (self.lateness)(values, injection.seed);
        let line = Line::start(Armed::load(&OBJECT)?, &netns, rule, lateness)?;
        let (devices, whose) = (line.devices.join(", "), undo.scope.shown());
        let mechanism = format!("tcx egress on {devices} for {whose}, held behind a TAP device");
        Ok(Box::new(Held { line, bite: self.bite, mechanism }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        // Links and devices went with their holder. The rule in the map of an agent that hangs is
        // ended here; without it the programs let everything pass.
        armed::end(&OBJECT, Undo::read(receipt)?.token)
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = Undo::read(receipt)?;
        Ok(match armed::acting(&OBJECT, undo.token)? {
            0 => Vec::new(),
            _ => vec![format!("packets of {} are still held", undo.scope.shown())],
        })
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops programs and device".to_owned()
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let tally = self.line.armed().tally()?;
        let mut bite = (self.bite)(&self.line, tally);
        let lost = self.line.lost();
        if lost > 0 {
            bite.detail = format!("{}; {lost} were too many and lost", bite.detail);
        }
        Ok(bite)
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.line.armed().extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

/// Loads the programs, makes a TAP device and leads the calling thread's loopback device over it,
/// without a rule.
pub(crate) fn trial() -> Result<(), EffectError> {
    Line::trial(Armed::load(&OBJECT)?)
}

/// One line for a person, and the mean delay asked for and had in milliseconds.
pub(crate) fn late(line: &Line, tally: Tally) -> Bite {
    let released = Counted::of(&line.counted.released);
    let mean = |sum| (released > 0).then(|| Counted::of(sum) as f64 / released as f64 / 1e6);
    let (asked, delivered) = (mean(&line.counted.asked_ns), mean(&line.counted.held_ns));
    let Tally { seen, matched, hit, .. } = tally;
    let detail = match (seen, matched, asked, delivered) {
        (0, ..) => "no packet of the target was seen".to_owned(),
        (_, 0, ..) => format!("{seen} packets seen, none of them matches"),
        (.., Some(asked), Some(delivered)) => format!(
            "{released} of {hit} packets sent on, {delivered:.2} ms late on average, asked \
             {asked:.2} ms; {seen} seen"
        ),
        _ => format!("{hit} packets held, none sent on yet; {seen} seen"),
    };
    Bite { hits: released, seen, asked, delivered, tolerance: None, detail }
}
