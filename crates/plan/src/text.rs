//! The dry run as plain text; the command line adds color and the exit line.

use crate::dry_run::{Decision, Place, Plan, PlannedStep};
use crate::words::{count, length, minutes, number, percent};
use std::fmt::Write as _;

/// Renders a plan, 100 columns at most but for names, which are never cut.
pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}   dry run, nothing was touched\n", plan.experiment);
    let _ = writeln!(out, "  Hypothesis    {}\n", plan.hypothesis);
    radius(plan, &mut out);
    steps(plan, &mut out);
    worst_case(plan, &mut out);
    decide(plan, &mut out);
    if let Some(policy) = &plan.policy {
        let _ = writeln!(out, "\n  Allowed by policy {policy}");
    }
    out
}

fn radius(plan: &Plan, out: &mut String) {
    let filters = plan.steps.iter().map(|step| &step.filters).find(|filters| !filters.is_empty());
    let filters = filters.map(|filters| format!(" · {filters}")).unwrap_or_default();
    let _ = writeln!(out, "  Radius        {}{filters}", plan.radius.replace(", ", " · "));
    let hit: Vec<_> = plan.steps.iter().flat_map(|step| &step.hit).collect();
    let spared = plan.steps.iter().flat_map(|step| &step.spared);
    let spared: Vec<_> = spared.filter(|place| !hit.contains(place)).collect();
    places("hit", &hit, out);
    places("spared", &spared, out);
    let _ = writeln!(out, "    {:<12}{}\n", "protected", plan.protected.join(", "));
}

fn places(word: &str, places: &[&Place], out: &mut String) {
    let mut seen: Vec<&Place> = Vec::new();
    for place in places {
        if seen.contains(place) {
            continue;
        }
        let word = if seen.is_empty() { word } else { "" };
        let mut line = format!("    {word:<12}{}   pid {}", place.name, place.pid);
        if let Some(address) = &place.address {
            let _ = write!(line, "   {address}");
        }
        if let Some(namespace) = place.namespace {
            let _ = write!(line, "   network namespace {namespace}");
        }
        let _ = writeln!(out, "{line}");
        seen.push(place);
    }
}

fn steps(plan: &Plan, out: &mut String) {
    let _ = writeln!(out, "  Steps");
    let mut index = 0;
    let mut line = |word: &str, length: &str, what: &str| {
        index += 1;
        let text = format!("    {index} {word:<8}{length:>9}     {what}");
        let _ = writeln!(out, "{}", text.trim_end());
    };
    let inside = match plan.decide.len() {
        1 => "the indicator is inside its bound".to_owned(),
        2 => "both indicators are inside their bounds".to_owned(),
        more => format!("all {more} indicators are inside their bounds"),
    };
    line("baseline", &length(plan.baseline_ms), &format!("refused unless {inside}"));
    for (at, step) in plan.steps.iter().enumerate() {
        line("inject", "", &format!("{}, {}", step.fault, step.bound));
        match &plan.toggle {
            None => line("hold", &length(step.hold_ms), &holding(step)),
            Some(toggle) => {
                let slots = toggle.on[at].iter().map(|on| if *on { "■" } else { "·" });
                let slots: String = slots.collect();
                let what = format!("on in each ■ of {slots}, drawn at random; {}", holding(step));
                line("toggle", &length(toggle.slot_ms), &what);
            }
        }
    }
    if let Some(toggle) = plan.toggle.as_ref().filter(|toggle| toggle.drain_ms > 0) {
        let what = format!(
            "where it is not back after a slot without a fault, the traffic rests until it is; \
             {} in all",
            length(toggle.drains_ms)
        );
        line("drain", &format!("≤ {}", length(toggle.drain_ms)), &what);
    }
    line("recover", &format!("≤ {}", length(plan.recovery_ms)), "");
    out.push('\n');
}

fn holding(step: &PlannedStep) -> String {
    let ends = match step.death {
        "its holder" | "kernel link" => "dies with its holder",
        "receipt" => "undone from its receipt",
        other => other,
    };
    format!("lease {}, renewed while the engine lives; {ends}", length(step.lease_ms))
}

fn worst_case(plan: &Plan, out: &mut String) {
    let worst = &plan.worst_case;
    let hold = length(worst.fault_ms.saturating_sub(worst.lease_ms));
    let _ = writeln!(out, "  Worst case");
    let _ = writeln!(
        out,
        "    time        {}, of which {} with the fault ({hold} and one lease)",
        length(worst.time_ms),
        length(worst.fault_ms)
    );
    if let Some(budget) = &worst.budget {
        let days = budget.over_ms / 86_400_000;
        let _ = writeln!(
            out,
            "    budget      {} of {} min in {}:\n                {}",
            minutes(budget.cost_ms),
            minutes(budget.total_ms),
            count(days, "day"),
            budget.because
        );
        if let (Some(allowance), Some(left)) = (budget.allowance_ms, budget.left_ms) {
            let (allowance, left) = (minutes(allowance), minutes(left));
            let _ = writeln!(out, "                allowance {allowance} min, {left} min left");
        }
    }
    out.push('\n');
}

fn decide(plan: &Plan, out: &mut String) {
    let alarm = percent(plan.false_alarm);
    let every = match plan.every_ms {
        1_000 => "1 sample a second".to_owned(),
        every => format!("a sample every {}", length(every)),
    };
    let rate = match plan.traffic_per_s {
        Some(rate) if rate >= 1.0 => format!("{} requests/s", number(rate.round() as u64)),
        Some(rate) => format!("{rate:.2} requests/s"),
        None => "rate not known before the run".to_owned(),
    };
    let _ = writeln!(out, "  Can it decide?   {rate}, {every}, false abort at most {alarm}");
    let widest = plan.decide.iter().map(|d| d.indicator.chars().count()).max().unwrap_or(0);
    for decision in &plan.decide {
        let name = format!("    {:<widest$}   ", decision.indicator);
        let indent = " ".repeat(name.chars().count());
        let (refuted, held) = outcomes(decision);
        let _ = writeln!(out, "{name}refuted  {refuted}");
        let _ = writeln!(out, "{indent}held     {held}");
    }
}

fn outcomes(decision: &Decision) -> (String, String) {
    let word = decision.bad_word;
    let strikes = count(u64::from(decision.strikes), "sample");
    let Some(events) = decision.events else {
        let refuted = format!("{strikes} in a row outside {}", decision.expect);
        return (refuted, format!("every sample inside {}", decision.expect));
    };
    let refuted = match decision.bad_for_strike {
        Some(bad) => format!("{strikes} with {} or more {word} requests each", number(bad)),
        None => format!(
            "at the end only: {} are too few for a strike",
            count(decision.events_sample.unwrap_or(0), "request")
        ),
    };
    let hold = length(decision.hold_ms);
    let of = format!("among the {} of {hold}", number(events));
    let held = match (decision.bad_max_for_held, decision.seconds_to_held) {
        (None, _) => format!("never: {} are too few", count(events, "request")),
        (Some(_), Some(seconds)) if seconds <= 1.0 => "after 1 s".to_owned(),
        (Some(0), _) => format!("no {word} request {of}"),
        (Some(bad), _) => format!("at most {} {of}", count(bad, &format!("{word} request"))),
    };
    (refuted, held)
}
