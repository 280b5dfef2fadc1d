//! Targets and the ways to find them.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::experiment::{Selector, TargetSpec};
use crate::spanned::Spanned;
use crate::yaml::{Node, Pair};

/// A target found in no way, or in two.
const ONE_SELECTOR: Code = Code::error("S114");

/// The order a person reads them in; `instances` follows `service`.
pub(super) const TARGET_KEYS: [&str; 9] =
    ["service", "instances", "process", "pid", "port", "unit", "cgroup", "container", "labels"];
/// The ways to find a single instance in a services file.
pub(super) const INSTANCE_SELECTORS: [&str; 6] =
    ["process", "pid", "port", "unit", "cgroup", "container"];
const SELECTORS: [&str; 8] =
    ["service", "process", "pid", "port", "unit", "cgroup", "container", "labels"];
/// The planner's own cap is lower; this one keeps typing errors out.
const INSTANCES_MAX: u32 = 1000;
/// The kernel's own limit on 64 bits.
const PID_MAX: u32 = 4_194_304;

impl Walk<'_> {
    /// Reads a target.
    pub(super) fn target(&mut self, pair: &Pair) -> Option<Spanned<TargetSpec>> {
        let fields = self.fields(&pair.value, pair.key_span, &TARGET_KEYS)?;
        let instances = fields
            .get("instances")
            .and_then(|node| self.count(node, INSTANCES_MAX, "a larger radius is no experiment"))
            .unwrap_or(Spanned::default_value(1));
        let selector = self.selector(&fields, &SELECTORS)?;
        let target = TargetSpec { selector, instances };
        Some(Spanned::new(target, pair.key_span))
    }

    /// Reads the one way in which something is found.
    pub(super) fn selector(&mut self, fields: &Fields<'_>, known: &[&str]) -> Option<Selector> {
        let written = fields.among(known);
        let [pair] = written.as_slice() else {
            if written.is_empty() && fields.were_meant(known) {
                return None;
            }
            let place = written.last().map_or(fields.at(), |pair| pair.key_span);
            let message = if written.is_empty() {
                "this target is found in no way"
            } else {
                "a target is found in one way"
            };
            let diagnostic = Diagnostic::new(ONE_SELECTOR, place, message);
            self.report(diagnostic.help(format!("one of {}", known.join(", "))));
            return None;
        };
        self.selector_of(&pair.key, &pair.value, fields)
    }

    fn selector_of(&mut self, key: &str, node: &Node, fields: &Fields<'_>) -> Option<Selector> {
        Some(match key {
            "service" => Selector::Service(self.text(node)?),
            "process" => Selector::Process(self.text(node)?),
            "pid" => Selector::Pid(self.count(node, PID_MAX, "the kernel counts no further")?),
            "port" => Selector::Port(self.port(node)?),
            "unit" => Selector::Unit(self.text(node)?),
            "cgroup" => Selector::Cgroup(self.text(node)?),
            "container" => Selector::Container(self.text(node)?),
            _ => Selector::Labels(self.map(fields, "labels")),
        })
    }
}
