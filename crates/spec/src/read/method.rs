//! The `method` list: which fault, on whom, for how long.

use super::walk::{Fields, Walk};
use crate::experiment::{Checks, FaultUse, Step};
use crate::spanned::Spanned;
use crate::units::Duration;
use crate::yaml::Node;

const STEP_KEYS: [&str; 6] = ["fault", "target", "where", "with", "hold", "lease"];
/// A fault that stays for longer than a day is an outage.
const HOLD_LIMIT: (Duration, &str) =
    (Duration::from_secs(24 * 3600), "a fault that stays for a day is an outage");
const LEASE: Duration = Duration::from_secs(5);
/// A dead engine must not leave its fault for longer than a person would notice.
const LEASE_LIMIT: (Duration, &str) =
    (Duration::from_secs(60), "a fault outlives its engine by one lease");

impl Walk<'_> {
    /// Reads the steps; at least one. The catalogue checks each use of a fault, broken or not.
    pub(super) fn method(&mut self, body: &Fields<'_>, checks: &dyn Checks) -> Vec<Step> {
        let example = "method: [{fault: http.delay, target: {…}, with: {…}, hold: 60s}]";
        let Some(items) = self.filled_list(body, "method", example) else {
            return Vec::new();
        };
        let step = |item| self.step(item, checks);
        items.iter().filter_map(step).collect()
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
