//! Owns what a rule loses on its way to a Prometheus, so that nobody takes silence for a yes.

use super::agreement::Agreement;
use crate::diagnostic::{Code, Diagnostic};

const LOST: Code = Code::warning("S545");

/// Says which clauses have no counterpart in PromQL, in queries and in rule files alike.
pub fn lost_in_promql(agreements: &[Agreement]) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for agreement in agreements {
        let mut say = |message: &str| {
            let help = "squall sla eval judges the rule as it is written";
            said.push(Diagnostic::new(LOST, agreement.span, message).help(help));
        };
        if agreement.breaker.is_some_and(|breaker| breaker.decay_ms.is_some()) {
            say("PromQL has no DECAY: all events of the breaker's window weigh the same");
        }
        if agreement.consistency.is_some() {
            say("CONSISTENT is measured by a probe, not by a query, and is left out");
        }
    }
    said
}
