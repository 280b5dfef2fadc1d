//! The `method` list: which fault, on whom, for how long.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::experiment::{Checks, Drain, FaultUse, Step, Toggle};
use crate::spanned::Spanned;
use crate::units::Duration;
use crate::yaml::{Kind, Node, Pair};

const STEP_KEYS: [&str; 6] = ["fault", "target", "where", "with", "hold", "lease"];
/// A fault that stays for longer than a day is an outage.
const HOLD_LIMIT: (Duration, &str) =
    (Duration::from_secs(24 * 3600), "a fault that stays for a day is an outage");
const LEASE: Duration = Duration::from_secs(5);
/// A dead engine must not leave its fault for longer than a person would notice.
const LEASE_LIMIT: (Duration, &str) =
    (Duration::from_secs(60), "a fault outlives its engine by one lease");

/// The slots of a toggled method are not alike.
const SLOTS_DIFFER: Code = Code::warning("S312");
/// A schedule that cannot show anything.
const TOO_FEW: Code = Code::warning("S313");
/// A drain without anything to pause.
const NOT_OURS: Code = Code::error("S314");
/// A service without its traffic for longer is taken out of use.
const DRAIN_LIMIT: (Duration, &str) =
    (Duration::from_secs(3600), "a service that has to rest for longer does not recover");
/// The exact test counts the 184,756 schedules of 10 repeats one by one; those of 11 are four times
/// as many, and a run that is not tested would say less than a shorter one.
pub(crate) const REPEATS_MAX: (u32, &str) =
    (10, "the exact test counts every schedule there could have been");
/// With fewer repeats even the clearest effect is likelier by chance than one in twenty.
const REPEATS_ENOUGH: u32 = 4;

impl Walk<'_> {
    /// Reads the steps; at least one. The catalog checks each use of a fault, broken or not.
    pub(super) fn method(
        &mut self,
        body: &Fields<'_>,
        checks: &dyn Checks,
    ) -> (Vec<Step>, Option<Toggle>) {
        let example = "method: [{fault: http.delay, target: {…}, with: {…}, hold: 60s}]";
        let step = |walk: &mut Self, items: &[Node]| -> Vec<Step> {
            items.iter().filter_map(|item| walk.step(item, checks)).collect()
        };
        let is_toggled =
            |pair: &&Pair| matches!(&pair.value.kind, Kind::Map(pairs) if !pairs.is_empty());
        let Some(pair) = body.pair("method").filter(is_toggled) else {
            let items = self.filled_list(body, "method", example).unwrap_or_default();
            return (step(self, items), None);
        };
        let Some(fields) = self.fields(&pair.value, pair.key_span, &["toggle", "faults"]) else {
            return (Vec::new(), None);
        };
        let toggle = self.toggle(&fields);
        let example = "faults: [{fault: http.delay, target: {…}, with: {…}, hold: 10s}]";
        let items = self.filled_list(&fields, "faults", example).unwrap_or_default();
        let steps = step(self, items);
        self.slots_are_alike(&steps);
        (steps, toggle)
    }

    fn toggle(&mut self, fields: &Fields<'_>) -> Option<Toggle> {
        let pair = self.required(fields, "toggle", "toggle: {repeats: 5}")?;
        let fields = self.fields(&pair.value, pair.key_span, &["repeats", "drain"])?;
        let repeats = self.required(&fields, "repeats", "repeats: 5")?;
        let repeats = self.count(&repeats.value, REPEATS_MAX.0, REPEATS_MAX.1)?;
        if *repeats < REPEATS_ENOUGH {
            let message = "a schedule with so few slots proves nothing";
            let diagnostic = Diagnostic::new(TOO_FEW, repeats.span, message)
                .label("4 repeats show an effect that chance makes in 1 of 70 runs, 5 in 1 of 252")
                .help("repeats: 5");
            self.report(diagnostic);
        }
        let drain = self.drain(&fields).unwrap_or(Spanned::default_value(Drain::Unwritten));
        Some(Toggle { repeats, drain })
    }

    fn drain(&mut self, fields: &Fields<'_>) -> Option<Spanned<Drain>> {
        let node = fields.get("drain")?;
        if matches!(&node.kind, Kind::Scalar { text, .. } if text == "never") {
            return Some(Spanned::new(Drain::Never, node.span));
        }
        let within = self.duration(node, DRAIN_LIMIT.0, DRAIN_LIMIT.1)?;
        Some(Spanned::new(Drain::Within(*within), within.span))
    }

    /// Only traffic that the run sends itself can be let rest by it.
    pub(super) fn drains_own_traffic(&mut self, toggle: Option<Toggle>, sends: bool) {
        let Some(drain) = toggle.map(|toggle| toggle.drain).filter(|_| !sends) else { return };
        if matches!(*drain, Drain::Within(_)) {
            let message = "there is no traffic here that could rest";
            let diagnostic = Diagnostic::new(NOT_OURS, drain.span, message)
                .note("a drain pauses what signals: [{traffic: …}] sends, never others' requests")
                .help("drain: never, or traffic of the run's own among the signals");
            self.report(diagnostic);
        }
    }

    /// In a schedule of slots every fault stays for one slot, so all are as long.
    fn slots_are_alike(&mut self, steps: &[Step]) {
        let Some((first, others)) = steps.split_first() else { return };
        for step in others.iter().filter(|step| *step.hold != *first.hold) {
            let message =
                "toggled faults share their slots, so this one holds as long as the first";
            let diagnostic = Diagnostic::new(SLOTS_DIFFER, step.hold.span, message)
                .other(first.hold.span, "the first one's slot")
                .help(format!("hold: {}", first.hold.value));
            self.report(diagnostic);
        }
    }

    fn step(&mut self, item: &Node, checks: &dyn Checks) -> Option<Step> {
        let fields = self.fields(item, item.span, &STEP_KEYS)?;
        let fault = self.required_text(&fields, "fault", "fault: http.delay");
        let target = self
            .required(&fields, "target", "target: {service: payment}")
            .and_then(|pair| self.target(pair));
        let where_ = self.map(&fields, "where");
        let with = self.map(&fields, "with");
        if let Some(fault) = &fault {
            let used = FaultUse { fault, where_: &where_, with: &with };
            self.diagnostics.extend(checks.fault(&used));
        }
        let hold = self
            .required(&fields, "hold", "hold: 60s")
            .and_then(|pair| self.duration(&pair.value, HOLD_LIMIT.0, HOLD_LIMIT.1));
        self.holds.extend(hold);
        let lease: Spanned<Duration> = self.duration_or(&fields, "lease", LEASE, LEASE_LIMIT);
        Some(Step { fault: fault?, target: target?, where_, with, hold: hold?, lease })
    }
}
