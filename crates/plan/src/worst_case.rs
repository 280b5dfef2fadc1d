//! The worst a plan can come to: time with its lease, and error budget.

use crate::dry_run::{BudgetAtRisk, Decision, WorstCase};
use crate::inputs::Inputs;
use crate::words::{length, minutes};
use squall_faults::fault::Bound;
use squall_query::indicator::{Indicator, Shape};
use squall_spec::{Code, Diagnostic, Op, Quantity, SliSpec, Spec};

/// It may cost more than it may spend.
const OVER_ALLOWANCE: Code = Code::error("P220");

/// Objectives are counted over 30 days unless the file says otherwise.
const PERIOD_MS: u64 = 30 * 24 * 3_600_000;

/// Works out the worst case; `bounds` has an entry a step.
pub(crate) fn worst_case(
    inputs: &Inputs<'_>,
    bounds: &[Bound],
    decide: &[Decision],
    diagnostics: &mut Vec<Diagnostic>,
) -> WorstCase {
    let spec = &inputs.experiment.spec;
    let lease_ms = spec.method.iter().map(|step| step.lease.as_millis()).max().unwrap_or(0);
    let hold_ms = spec.method_ms();
    // Faults that are toggled together may between them be on in every slot that is no rest.
    let on_ms = match spec.toggle {
        Some(_) if spec.method.len() > 1 => hold_ms / 2,
        _ if spec.method.len() > 1 => hold_ms,
        _ => spec.on_ms(),
    };
    let fault_ms = on_ms + lease_ms;
    let end_ms = lease_ms + spec.recovery.within.as_millis();
    let time_ms = spec.baseline.as_millis() + hold_ms + spec.drains_ms() + end_ms;
    let budget = at_risk(inputs, bounds, decide);
    if let (Some(budget), Some(written)) = (&budget, &spec.budget)
        && let Some(left_ms) = budget.left_ms
        && budget.cost_ms > left_ms
    {
        let message = format!(
            "this may cost {} min of error budget, {} min are left",
            minutes(budget.cost_ms),
            minutes(left_ms)
        );
        let diagnostic = Diagnostic::new(OVER_ALLOWANCE, written.allowance.span, message);
        diagnostics.push(diagnostic.help("a shorter hold or lease, or a larger allowance"));
    }
    WorstCase { time_ms, fault_ms, lease_ms, budget }
}

fn at_risk(inputs: &Inputs<'_>, bounds: &[Bound], decide: &[Decision]) -> Option<BudgetAtRisk> {
    let spec = &inputs.experiment.spec;
    let shares = spec.steady_state.iter().filter_map(|sli| Some((allowed_share(sli)?, sli)));
    let (allowed, sli) = shares.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let over_ms = spec.budget.as_ref().map_or(PERIOD_MS, |budget| budget.over.as_millis());
    let decision = decide.iter().find(|decision| decision.indicator == sli.name.value);
    let (cost_ms, because) = cost(spec, bounds, decision);
    let allowance_ms = spec.budget.as_ref().map(|budget| budget.allowance.as_millis());
    let spent_ms = inputs.history.map_or(0, |history| history.spent.as_millis());
    Some(BudgetAtRisk {
        indicator: sli.name.value.clone(),
        cost_ms,
        total_ms: (over_ms as f64 * allowed).round() as u64,
        over_ms,
        allowance_ms,
        left_ms: allowance_ms.map(|allowance| allowance.saturating_sub(spent_ms)),
        because,
    })
}

/// Returns the share of events that may be bad, where the bound is one on a share of events.
fn allowed_share(sli: &SliSpec) -> Option<f64> {
    let Quantity::Share(share) = sli.expect.value.value else {
        return None;
    };
    let counted = Indicator::compile(&sli.query).ok()?;
    if !matches!(counted.shape(), Shape::Ratio(_)) {
        return None;
    }
    Some(match sli.expect.op {
        Op::Ge | Op::Gt => share.complement().as_f64(),
        Op::Le | Op::Lt => share.as_f64(),
    })
}

/// A toggled run goes on while a fault hurts: the worst is all of each fault's slots, and a lease.
fn toggled_cost(spec: &Spec, bounds: &[Bound], slots: u64) -> (u64, String) {
    let steps = spec.method.iter().zip(bounds);
    let cost = |(step, bound): (&squall_spec::Step, &Bound)| {
        let on_ms = spec.on_ms() + step.lease.as_millis();
        on_ms * u64::from(bound.per_mille_hurt.min(1_000)) / 1_000
    };
    let cost_ms = steps.map(cost).sum();
    let because = format!(
        "{slots} slots of {} and a lease with each fault's worst, since the run goes on while it \
         hurts",
        length(spec.slot_ms()),
    );
    (cost_ms, because)
}

/// The rule ends a step after its strikes, an engine that dies in that moment leaves it on for a
/// lease more, and whatever stays just below a strike may last for the whole hold.
fn cost(spec: &Spec, bounds: &[Bound], decision: Option<&Decision>) -> (u64, String) {
    if let Some(toggle) = spec.toggle {
        return toggled_cost(spec, bounds, toggle.slots_on(spec.method.len()));
    }
    let rule_ms = u64::from(spec.consecutive()) * spec.abort.every.as_millis();
    let steps = spec.method.iter().zip(bounds);
    let struck = steps.map(|(step, bound)| {
        let on_ms = rule_ms.min(step.hold.as_millis()) + step.lease.as_millis();
        (on_ms * u64::from(bound.per_mille_hurt.min(1_000)) / 1_000, step, bound)
    });
    let Some((struck_ms, step, bound)) = struck.max_by_key(|&(cost, ..)| cost) else {
        return (0, String::new());
    };
    let hold_ms = spec.on_ms();
    let below = decision.and_then(|decision| {
        let below = decision.bad_for_strike?.saturating_sub(1) as f64;
        Some(below / decision.events_sample.filter(|&events| events > 0)? as f64)
    });
    let below_ms = (below.unwrap_or(0.0) * hold_ms as f64) as u64;
    let hurt = match bound.per_mille_hurt {
        0 => "no request lost by the fault alone".to_owned(),
        1_000.. => "all requests lost".to_owned(),
        some => format!("{} % of requests lost", f64::from(some) / 10.0),
    };
    let because = format!(
        "{} until the rule fires and a lease of {} with {hurt}",
        length(rule_ms.min(step.hold.as_millis())),
        length(step.lease.as_millis()),
    );
    (struck_ms + below_ms, because)
}
