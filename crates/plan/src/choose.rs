//! Whom of those who answer a step takes, and the bounds no plan exceeds.

use crate::inputs::Inputs;
use crate::protect::protection;
use crate::select::{Candidates, Found, Known, described};
use crate::words::count;
use squall_spec::{Code, Diagnostic, Spanned, TargetSpec};
use std::collections::{BTreeMap, BTreeSet};

/// The plan would leave nobody to serve.
const EVERY_INSTANCE: Code = Code::error("P201");
/// All who answer are protected.
const PROTECTED: Code = Code::error("P204");
/// More than the radius, the policy or the hard cap allows.
const OVER_RADIUS: Code = Code::error("P205");
/// Fewer can be taken than were asked for.
const TOO_FEW: Code = Code::error("P207");

/// Instances one plan takes at most, whatever a file or policy says: more is an outage.
pub const INSTANCES_HARD_CAP: u32 = 10;

/// Whom a step takes and whom it leaves.
#[derive(Debug, Clone)]
pub(crate) struct Choice<'i> {
    pub(crate) taken: Vec<Found<'i>>,
    pub(crate) spared: Vec<Found<'i>>,
    /// Those who answer but are never touched, and why.
    pub(crate) protected: Vec<(Found<'i>, String)>,
    /// Running instances of the service, or of those found.
    pub(crate) of: usize,
}

/// Chooses the first instances that are not protected.
pub(crate) fn choose<'i>(
    inputs: &Inputs<'i>,
    known: &Known<'i>,
    target: &Spanned<TargetSpec>,
    candidates: Candidates<'i>,
) -> Result<Choice<'i>, Box<Diagnostic>> {
    let mut free = Vec::new();
    let mut protected = Vec::new();
    let all = candidates.found.len();
    for found in candidates.found {
        match protection(inputs, known, found.process) {
            Some(why) => protected.push((found, why)),
            None => free.push(found),
        }
    }
    let asked = *target.instances as usize;
    let (kind, value) = described(&target.selector);
    let name = match (&value, kind) {
        (Some(value), "service" | "process") => value.value.clone(),
        (Some(value), kind) => format!("{kind} {}", value.value),
        (None, kind) => kind.to_owned(),
    };
    let place =
        if target.instances.span.is_written() { target.instances.span } else { target.span };
    if free.is_empty() {
        let why = protected.first().map_or("", |(_, why)| why.as_str());
        let message = format!("{name} is protected: {why}");
        let place = value.as_ref().map_or(target.span, |value| value.span);
        return Err(Box::new(Diagnostic::new(PROTECTED, place, message)));
    }
    if free.len() < asked {
        let have = free.len();
        let message = format!("{asked} instances of {name} are asked for, {have} can be taken");
        let diagnostic = Diagnostic::new(TOO_FEW, place, message);
        return Err(Box::new(diagnostic.help(format!("instances: {have} at most"))));
    }
    let spared = free.split_off(asked);
    leaves_somebody(inputs, place, &free, &candidates.totals)?;
    let of = candidates.totals.values().sum::<usize>().max(all);
    Ok(Choice { taken: free, spared, protected, of })
}

fn leaves_somebody(
    inputs: &Inputs<'_>,
    place: squall_spec::Span,
    taken: &[Found<'_>],
    totals: &BTreeMap<String, usize>,
) -> Result<(), Box<Diagnostic>> {
    let radius = inputs.experiment.spec.radius.as_ref();
    let asked = radius.and_then(|radius| radius.allow_all).is_some_and(|allow| *allow);
    let allowed = inputs.policy.is_none_or(|policy| policy.allow_all);
    if asked && allowed {
        return Ok(());
    }
    for (service, &total) in totals {
        let hit = taken.iter().filter(|found| found.service == *service).count();
        if hit < total || hit == 0 {
            continue;
        }
        let message = format!("the plan would take every instance of {service} ({hit} of {total})");
        let spare = match total {
            1 => "add a second instance".to_owned(),
            _ => format!("instances: {}, or add another instance", total - 1),
        };
        let exception = match (inputs.policy, asked) {
            (Some(policy), _) if !allowed => {
                format!("; policy {} has no exception", policy.name)
            }
            _ => ", or say so: radius: {allowAll: true}".to_owned(),
        };
        let diagnostic = Diagnostic::new(EVERY_INSTANCE, place, message);
        return Err(Box::new(diagnostic.help(format!("{spare}{exception}"))));
    }
    Ok(())
}

/// Checks the bounds over all steps.
pub(crate) fn within_radius(
    inputs: &Inputs<'_>,
    choices: &[Choice<'_>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let taken = choices.iter().flat_map(|choice| &choice.taken);
    let distinct: BTreeSet<_> = taken.map(|found| found.process.process).collect();
    let taken = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
    let spec = &inputs.experiment.spec;
    let radius = spec.radius.as_ref();
    let in_file = radius.and_then(|radius| radius.instances);
    let in_policy = inputs.policy.and_then(|policy| policy.instances);
    let bounds = [
        (Some(INSTANCES_HARD_CAP), "no plan takes more than".to_owned()),
        (in_file.map(|bound| *bound), "the radius allows".to_owned()),
        (
            in_policy.map(|bound| *bound),
            format!("policy {} allows", inputs.policy.map_or("", |policy| &policy.name)),
        ),
    ];
    let tightest = bounds.iter().filter_map(|(bound, who)| Some(((*bound)?, who))).min();
    let Some((bound, who)) = tightest.filter(|&(bound, _)| taken > bound) else {
        return;
    };
    let place = spec.method.first().map_or(squall_spec::Span::NONE, |step| step.target.span);
    let place = in_file.filter(|written| **written == bound).map_or(place, |written| written.span);
    let message =
        format!("the plan would take {}; {who} {bound}", count(u64::from(taken), "instance"),);
    let help = "lower the instances of the steps, or split the experiment";
    diagnostics.push(Diagnostic::new(OVER_RADIUS, place, message).help(help));
}
