//! Owns the way from an experiment and its plan to what the core carries out, the record's first
//! line and the indicators that are read. Pure.

use crate::core::{Script, ScriptStep};
use squall_plan::Plan;
use squall_query::indicator::{Bound, Indicator, Op as QueryOp, Shape};
use squall_spec::{Experiment, Op, Quantity, SliSpec};
use squall_wire::record::{self, Started, Unit};
use std::net::SocketAddr;

/// What is known about a run beside its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The file as written.
    pub file: String,
    /// This build.
    pub squall: String,
    /// Host name, kernel and cores, for people.
    pub host: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The sources, one line each.
    pub sources: Vec<String>,
}

/// An indicator as it is read.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The query.
    pub indicator: Indicator,
    /// Its bound.
    pub bound: Bound,
    /// What its values are.
    pub unit: Unit,
    /// The addresses that the faults' targets listen on: series of these instances are disturbed.
    pub disturbed: Vec<SocketAddr>,
}

/// Everything a run needs.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What the core carries out.
    pub script: Script,
    /// The first line of the record.
    pub started: Started,
    /// The indicators, in the order of the file.
    pub watched: Vec<Watched>,
}

/// Why a plan cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The query of an indicator is none.
    #[error("read the query of {name}: {why}")]
    Query {
        /// The indicator.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// There is nothing to judge by.
    #[error("run {0}: its steady state is empty; write at least one indicator")]
    NoIndicator(String),
}

/// Prepares a run.
///
/// # Errors
/// When an indicator cannot be read.
pub fn prepare(
    experiment: &Experiment,
    plan: &Plan,
    about: About,
) -> Result<Prepared, PrepareError> {
    let spec = &experiment.spec;
    if spec.steady_state.is_empty() {
        return Err(PrepareError::NoIndicator(plan.experiment.clone()));
    }
    let pairs: Vec<_> = spec.steady_state.iter().map(watched).collect::<Result<_, _>>()?;
    let (mut watched, indicators): (Vec<Watched>, Vec<_>) = pairs.into_iter().unzip();
    let targets = plan.injections.iter().map(|injection| &injection.target);
    let mut disturbed: Vec<SocketAddr> = targets.flat_map(|t| t.listening.clone()).collect();
    disturbed.sort_unstable();
    disturbed.dedup();
    watched.iter_mut().for_each(|watched| watched.disturbed.clone_from(&disturbed));
    let started = started(experiment, plan, about, indicators.clone());
    let all = |of: &[usize]| of.iter().map(|i| plan.injections[*i].clone()).collect();
    let step = |step: &squall_plan::PlannedStep| ScriptStep {
        injections: all(&step.injections),
        hold_us: step.hold_ms * 1_000,
    };
    let steps: Vec<ScriptStep> = match &plan.toggle {
        None => plan.steps.iter().map(step).collect(),
        Some(toggle) => {
            let slot = |of: &Vec<usize>| ScriptStep {
                injections: all(of),
                hold_us: toggle.slot_ms * 1_000,
            };
            toggle.slots.iter().map(slot).collect()
        }
    };
    let at_once = steps.iter().map(|step| step.injections.len()).max().unwrap_or(0);
    let script = Script {
        run: plan.run.clone(),
        indicators,
        consecutive: spec.consecutive(),
        strikes_end: spec.strikes_end(),
        every_us: plan.every_ms * 1_000,
        literal: spec.abort.literal,
        false_alarm: plan.false_alarm,
        // The raw rule is for those who want no statistics, unless they ask for them.
        // That a toggled fault hurts is what such a run is to show, and no reason to end it.
        evidence_aborts: spec.abort.false_alarm.span.is_written()
            || (!spec.abort.literal && spec.strikes_end()),
        baseline_us: plan.baseline_ms * 1_000,
        steps,
        toggled: started.toggled.clone(),
        drain_us: plan.toggle.as_ref().map_or(0, |toggle| toggle.drain_ms * 1_000),
        recovery_us: plan.recovery_ms * 1_000,
        radius_max: u32::try_from(at_once).unwrap_or(u32::MAX),
    };
    Ok(Prepared { script, started, watched })
}

fn started(
    experiment: &Experiment,
    plan: &Plan,
    about: About,
    indicators: Vec<record::Indicator>,
) -> Started {
    let abort = &experiment.spec.abort;
    Started {
        run: plan.run.clone(),
        experiment: plan.experiment.clone(),
        labels: plan.labels.clone(),
        hypothesis: plan.hypothesis.clone(),
        file: about.file,
        squall: about.squall,
        host: about.host,
        seed: about.seed,
        indicators,
        sources: about.sources,
        consecutive: experiment.spec.consecutive(),
        every_ms: plan.every_ms,
        literal: abort.literal,
        false_alarm: plan.false_alarm,
        baseline_ms: plan.baseline_ms,
        hold_ms: match &plan.toggle {
            None => plan.steps.iter().map(|step| step.hold_ms).sum(),
            Some(toggle) => toggle.slot_ms * toggle.slots.len() as u64,
        },
        toggled: plan.toggle.as_ref().map_or_else(Vec::new, |toggle| toggled(plan, toggle)),
        recovery_ms: plan.recovery_ms,
        lease_ms: plan.worst_case.lease_ms,
        injections: plan.injections.clone(),
        spared: plan
            .steps
            .iter()
            .flat_map(|step| step.spared.iter().map(|place| place.name.clone()))
            .collect(),
        radius: plan.radius.clone(),
    }
}

fn toggled(plan: &Plan, toggle: &squall_plan::PlannedToggle) -> Vec<record::Toggled> {
    let one = |(step, on): (&squall_plan::PlannedStep, &Vec<bool>)| record::Toggled {
        fault: step.fault.clone(),
        injections: step.injections.iter().map(|i| plan.injections[*i].id.clone()).collect(),
        on: on.clone(),
    };
    plan.steps.iter().zip(&toggle.on).map(one).collect()
}

fn watched(sli: &SliSpec) -> Result<(Watched, record::Indicator), PrepareError> {
    let (name, query) = (sli.name.value.clone(), sli.query.value.clone());
    let indicator = Indicator::compile(&query)
        .map_err(|error| PrepareError::Query { name: name.clone(), why: error.to_string() })?;
    let op = match sli.expect.op {
        Op::Ge => QueryOp::AtLeast,
        Op::Gt => QueryOp::Above,
        Op::Le => QueryOp::AtMost,
        Op::Lt => QueryOp::Below,
    };
    let bound = Bound { op, value: sli.expect.bound_in_query_unit() };
    let unit = match (sli.expect.value.value, indicator.shape()) {
        (Quantity::Share(_), _) | (_, Shape::Ratio(_)) => Unit::Share,
        (Quantity::Duration(_), _) => Unit::Seconds,
        _ => Unit::Number,
    };
    let bad_share = indicator.bad_share(bound);
    let bad_word = match indicator.shape() {
        Shape::Ratio(_) => "failed",
        Shape::Quantile(_) => "late",
        Shape::Value => "",
    };
    let recorded = record::Indicator {
        name,
        query,
        expect: sli.expect.value.to_string(),
        unit,
        bound: bound.value,
        at_least: op.wants_more(),
        bad_share,
        bad_word: if bad_share.is_some() { bad_word.into() } else { String::new() },
    };
    Ok((Watched { indicator, bound, unit, disturbed: Vec::new() }, recorded))
}
