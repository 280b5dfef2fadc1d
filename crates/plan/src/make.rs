//! The plan, from everything it is made from; every diagnostic at once.

use crate::catalog::values;
use crate::choose::{Choice, choose, within_radius};
use crate::decide::{decide, traffic_per_s};
use crate::dependency;
use crate::dry_run::{Place, Plan, PlannedStep, PlannedToggle};
use crate::inputs::Inputs;
use crate::permit::{check_step, check_window};
use crate::protect::protection;
use crate::select::{Found, Known, candidates};
use crate::sources::check_sources;
use crate::toggle::draw;
use crate::words::count;
use crate::worst_case::worst_case;
use squall_faults::fault::{Bound, Fault};
use squall_spec::diagnostic::{has_error, in_file_order};
use squall_spec::{Code, Diagnostic, FaultUse, Selector, SpannedMap, Step};
use squall_wire::injection::{Injection, Values};
use squall_wire::target::{Inventory, Process, Target};
use std::collections::{BTreeMap, BTreeSet};

/// The fault cannot act on this target.
const DOES_NOT_FIT: Code = Code::error("P208");
/// The target serves what the run measures with.
const MEASURED_WITH: Code = Code::warning("P302");

/// One step with its targets.
struct Resolved<'i> {
    fault: &'static dyn Fault,
    bound: Bound,
    choice: Choice<'i>,
    /// The `where` block for each of those taken.
    filters: Vec<Values>,
}

/// Makes a plan; there is none when any diagnostic is an error.
pub fn plan(inputs: &Inputs<'_>) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let known = Known::of(inputs);
    check_window(inputs, &mut diagnostics);
    check_sources(&inputs.experiment.spec.signals, &mut diagnostics);
    let spec = &inputs.experiment.spec;
    let mut resolved = Vec::new();
    let mut policy = BTreeSet::new();
    // Each service with the field that names it first.
    let mut services = BTreeMap::new();
    for step in &spec.method {
        if let Selector::Service(service) = &step.target.selector {
            services.entry(service.value.clone()).or_insert(service.span);
        }
        if let Some(step_resolved) = resolve(inputs, &known, step, &mut diagnostics) {
            let service = service(&step_resolved.choice);
            policy.extend(check_step(inputs, step, &service, &mut diagnostics));
            services.entry(service).or_insert(step.target.span);
            resolved.push(step_resolved);
        }
    }
    diagnostics.extend(known.problems(&services));
    let choices: Vec<_> = resolved.iter().map(|resolved| resolved.choice.clone()).collect();
    within_radius(inputs, &choices, &mut diagnostics);
    let decisions = decide(inputs, &mut diagnostics);
    let bounds: Vec<_> = resolved.iter().map(|resolved| resolved.bound.clone()).collect();
    let worst = worst_case(inputs, &bounds, &decisions, &mut diagnostics);
    let diagnostics = in_file_order(diagnostics);
    if has_error(&diagnostics) {
        return (None, diagnostics);
    }
    let mut toggle = draw(spec, inputs.seed);
    let (steps, injections) = lay_out(inputs, &resolved, toggle.as_mut());
    // The promise of this crate, asserted where it is given: see `protect`.
    for injection in &injections {
        let same = |p: &&Process| p.process == injection.target.process;
        let process = inputs.inventory.processes.iter().find(same);
        let safe = process.is_some_and(|p| protection(inputs, &known, p).is_none());
        assert!(safe, "invariant: no protected process is a target");
    }
    let plan = Plan {
        experiment: inputs.experiment.metadata.name.value.clone(),
        labels: values(&inputs.experiment.metadata.labels),
        hypothesis: spec.hypothesis.value.clone(),
        run: inputs.run.to_owned(),
        host: inputs.inventory.host.clone(),
        protected: protected(inputs, &resolved),
        baseline_ms: spec.baseline.as_millis(),
        recovery_ms: spec.recovery.within.as_millis(),
        radius: radius(&steps),
        worst_case: worst,
        decide: decisions,
        traffic_per_s: traffic_per_s(spec),
        every_ms: spec.abort.every.as_millis(),
        false_alarm: *spec.abort.false_alarm,
        policy: inputs
            .policy
            .map(|p| format!("{}: {}", p.name, policy.into_iter().collect::<Vec<_>>().join("; "))),
        steps,
        toggle,
        injections,
    };
    (Some(plan), diagnostics)
}

fn resolve<'i>(
    inputs: &Inputs<'i>,
    known: &Known<'i>,
    step: &Step,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Resolved<'i>> {
    let used = FaultUse { fault: &step.fault, where_: &step.where_, with: &step.with };
    let choice = candidates(inputs, known, &step.target)
        .and_then(|candidates| choose(inputs, known, &step.target, candidates));
    let choice = choice.map_err(|diagnostic| diagnostics.push(*diagnostic)).ok();
    let fault = inputs.catalog.checked(&used);
    let (fault, checked) = fault.map_err(|issues| diagnostics.extend(issues)).ok()?;
    let choice = choice?;
    let bound = fault.bound(&checked);
    let mut filters = Vec::new();
    for found in &choice.taken {
        match dependency::filters(inputs, known, &used, fault, found) {
            Ok(own) => filters.push(own),
            Err(issues) => diagnostics.extend(issues),
        }
        if let Err(why) = fault.fits(&checked, &target(found)) {
            let name = fault.describe().name;
            let message = format!("{name} cannot act on {}: {why}", found.name);
            diagnostics.push(Diagnostic::new(DOES_NOT_FIT, step.target.span, message));
        }
        diagnostics.extend(serves_measurement(inputs, found, step));
    }
    Some(Resolved { fault, bound, choice, filters })
}

/// Warns where a target answers for the numbers its own fault is judged by.
fn serves_measurement(inputs: &Inputs<'_>, found: &Found<'_>, step: &Step) -> Option<Diagnostic> {
    let signals = inputs.experiment.spec.signals.iter();
    let served = signals.filter(|s| !matches!(s.value, squall_spec::SignalSpec::Traffic(_)));
    let served = served.map(|signal| signal.url()).find(|url| {
        let address = address_of(url).parse::<std::net::SocketAddr>();
        address.is_ok_and(|at| {
            let same = |own: &std::net::SocketAddr| {
                own.port() == at.port() && (own.ip() == at.ip() || own.ip().is_unspecified())
            };
            found.process.listening.iter().any(same)
        })
    })?;
    let message = format!("{} answers {}, which the run measures with", found.name, served.value);
    let diagnostic = Diagnostic::new(MEASURED_WITH, step.target.span, message);
    Some(diagnostic.other(served.span, "no data from here while it is down"))
}

fn address_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// Returns what the taken instances are instances of.
fn service(choice: &Choice<'_>) -> String {
    choice.taken.first().map(|found| found.service.clone()).unwrap_or_default()
}

fn target(found: &Found<'_>) -> Target {
    Target {
        name: found.name.clone(),
        service: found.service.clone(),
        process: found.process.process,
        netns: found.process.netns,
        cgroup: found.process.cgroup.clone(),
        listening: found.process.listening.clone(),
        probes: found.process.probes.clone(),
    }
}

fn lay_out(
    inputs: &Inputs<'_>,
    resolved: &[Resolved<'_>],
    mut toggle: Option<&mut PlannedToggle>,
) -> (Vec<PlannedStep>, Vec<Injection>) {
    let mut injections = Vec::new();
    let mut steps = Vec::new();
    for (index, (step, resolved)) in inputs.experiment.spec.method.iter().zip(resolved).enumerate()
    {
        let described = resolved.fault.describe();
        let first = injections.len();
        // Each time a toggled fault goes on it is an injection of its own, with its own receipt.
        let slots: Vec<Option<usize>> = match &toggle {
            None => vec![None],
            Some(toggle) => {
                let on = toggle.on[index].iter().enumerate().filter(|(_, on)| **on);
                on.map(|(slot, _)| Some(slot)).collect()
            }
        };
        for slot in slots {
            for (found, filters) in resolved.choice.taken.iter().zip(&resolved.filters) {
                if let (Some(slot), Some(toggle)) = (slot, &mut toggle) {
                    toggle.slots[slot].push(injections.len());
                }
                let id = injections.len() + 1;
                let filters = filters.clone();
                let new = injection(inputs, step, described.name, found, id);
                injections.push(Injection { filters, ..new });
            }
        }
        let place = |found: &Found<'_>| place(inputs.inventory, found);
        steps.push(PlannedStep {
            fault: described.name.to_owned(),
            bound: resolved.bound.text.clone(),
            death: described.death.word(),
            service: service(&resolved.choice),
            hit: resolved.choice.taken.iter().map(place).collect(),
            spared: resolved.choice.spared.iter().map(place).collect(),
            of: resolved.choice.of,
            filters: filters(&step.where_, &resolved.filters),
            hold_ms: step.hold.as_millis(),
            lease_ms: step.lease.as_millis(),
            injections: (first..injections.len()).collect(),
        });
    }
    (steps, injections)
}

fn injection(
    inputs: &Inputs<'_>,
    step: &Step,
    fault: &str,
    found: &Found<'_>,
    id: usize,
) -> Injection {
    Injection {
        id: format!("i{id}"),
        run: inputs.run.to_owned(),
        fault: fault.to_owned(),
        // As written: defaults are the fault's own, and the agent fills them in.
        params: values(&step.with),
        filters: Values::new(),
        target: target(found),
        lease_ms: step.lease.as_millis(),
        // An engine that renews for ever still ends here.
        cap_ms: match inputs.experiment.spec.toggle {
            None => step.hold.saturating_add(*step.lease).as_millis(),
            Some(_) => inputs.experiment.spec.slot_ms() + step.lease.as_millis(),
        },
        seed: inputs.seed.wrapping_add(id as u64),
    }
}

fn place(inventory: &Inventory, found: &Found<'_>) -> Place {
    let own = |process: &&Process| inventory.own.contains(&process.process.pid);
    // The youngest of our own is this command; its ancestors may live elsewhere.
    let own = inventory.processes.iter().filter(own).max_by_key(|p| p.process.start_ticks);
    let own = own.map(|process| process.netns);
    let netns = found.process.netns;
    Place {
        name: found.name.clone(),
        pid: found.process.process.pid,
        address: found.process.listening.first().map(ToString::to_string),
        namespace: (own.is_some_and(|own| own != netns)).then_some(netns),
    }
}

/// The `where` block in words; what a name stands for is named with it.
fn filters(where_: &SpannedMap, resolved: &[Values]) -> String {
    let entry = |entry: &squall_spec::Entry| {
        let (key, value) = (&entry.key.value, &entry.value.value);
        let put_in_its_place = |own: &Values| {
            let new = own.iter().filter(|(key, _)| where_.get(key.as_str()).is_none());
            new.map(|(_, value)| value.replace(',', ", ")).next()
        };
        let first = resolved.first().filter(|own| !own.contains_key(key));
        let stands_for = first.and_then(put_in_its_place);
        let stands_for = stands_for.map(|value| format!(" ({value})")).unwrap_or_default();
        format!("{key} {value}{stands_for}")
    };
    where_.entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

fn radius(steps: &[PlannedStep]) -> String {
    let step = |step: &PlannedStep| {
        let noun = if step.of == 1 { "instance" } else { "instances" };
        format!("{} of {} {} {noun}", step.hit.len(), step.of, step.service)
    };
    let mut parts: Vec<_> = steps.iter().map(step).collect();
    parts.dedup();
    format!("{}, {}", parts.join(", "), count(1, "host"))
}

fn protected(inputs: &Inputs<'_>, resolved: &[Resolved<'_>]) -> Vec<String> {
    let mut words = vec!["ssh".to_owned(), "the agent".to_owned()];
    for signal in &inputs.experiment.spec.signals {
        if !matches!(signal.value, squall_spec::SignalSpec::Traffic(_)) {
            words.push(format!("the scrape of {}", address_of(signal.url())));
        }
    }
    let refused = resolved.iter().flat_map(|resolved| &resolved.choice.protected);
    let refused = refused.map(|(found, why)| format!("{} ({why})", found.name));
    words.extend(refused.collect::<BTreeSet<_>>());
    words
}
