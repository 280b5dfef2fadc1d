//! Whether the planned traffic can decide the bounds, told before anything is touched.

use crate::dry_run::Decision;
use crate::inputs::Inputs;
use crate::words::{count, length, number, percent};
use squall_judge::decide::{Question, can_decide, seconds_to_held};
use squall_judge::reading::Rule;
use squall_query::indicator::{Bound, Indicator, Op as QueryOp, Shape};
use squall_spec::{Code, Diagnostic, Duration, Op, SignalSpec, SliSpec, Spec};

/// The run would end inconclusive.
const UNDECIDED: Code = Code::warning("P301");

/// Returns the planned arrivals a second; none where no source sends traffic.
pub(crate) fn traffic_per_s(spec: &Spec) -> Option<f64> {
    let rates = spec.signals.iter().filter_map(|signal| match &signal.value {
        SignalSpec::Traffic(traffic) => Some(traffic.rate.per_second()),
        _ => None,
    });
    rates.reduce(|a, b| a + b)
}

/// Asks for every indicator.
pub(crate) fn decide(inputs: &Inputs<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Decision> {
    let spec = &inputs.experiment.spec;
    let hold_ms = spec.on_ms();
    let every_ms = spec.abort.every.as_millis().max(1);
    let rule = Rule {
        consecutive: spec.consecutive(),
        literal: spec.abort.literal,
        alpha: *spec.abort.false_alarm,
        // The raw rule is for those who want no statistics, unless they ask for them.
        evidence_aborts: !spec.abort.literal || spec.abort.false_alarm.span.is_written(),
        samples: (hold_ms / every_ms).max(1),
        // Until the baseline shows less, as in the run itself.
        rho: squall_judge::evidence::RHO_UNKNOWN,
    };
    let ask = |sli| ask(inputs, sli, rule, hold_ms, diagnostics);
    spec.steady_state.iter().map(ask).collect()
}

fn ask(
    inputs: &Inputs<'_>,
    sli: &SliSpec,
    rule: Rule,
    hold_ms: u64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Decision {
    let spec = &inputs.experiment.spec;
    let mut decision = Decision {
        indicator: sli.name.value.clone(),
        expect: sli.expect.value.to_string(),
        bad_word: "",
        events_sample: None,
        events: None,
        bad_for_strike: None,
        strikes: rule.consecutive.max(1),
        bad_max_for_held: None,
        seconds_to_held: None,
        hold_ms,
    };
    let Ok(indicator) = Indicator::compile(&sli.query) else {
        return decision;
    };
    decision.bad_word = match indicator.shape() {
        Shape::Ratio(_) => "failed",
        Shape::Quantile(_) => "late",
        Shape::Value => "",
    };
    let op = match sli.expect.op {
        Op::Ge => QueryOp::AtLeast,
        Op::Gt => QueryOp::Above,
        Op::Le => QueryOp::AtMost,
        Op::Lt => QueryOp::Below,
    };
    let bound = Bound { op, value: sli.expect.bound_in_query_unit() };
    let (Some(allowed), Some(rate)) = (indicator.bad_share(bound), traffic_per_s(spec)) else {
        return decision;
    };
    let question = Question {
        rate,
        hold_s: hold_ms as f64 / 1e3,
        every_s: spec.abort.every.as_secs_f64(),
        allowed,
        rule,
        indicators: spec.steady_state.len(),
    };
    let answer = can_decide(&question);
    decision.events_sample = Some(answer.events_sample);
    decision.events = Some(answer.events);
    decision.bad_for_strike = answer.bad_for_strike;
    decision.bad_max_for_held = answer.bad_max_for_held;
    decision.seconds_to_held = answer.seconds_to_held;
    diagnostics.extend(undecided(inputs, sli, &question, &decision));
    decision
}

fn undecided(
    inputs: &Inputs<'_>,
    sli: &SliSpec,
    question: &Question,
    decision: &Decision,
) -> Option<Diagnostic> {
    let history = inputs.history.and_then(|h| h.baseline_bad.get(&sli.name.value)).copied();
    let share = history.unwrap_or(0.0);
    let needs = seconds_to_held(question.rate, share, question.allowed, question.rule.alpha);
    if needs.is_some_and(|seconds| seconds <= question.hold_s) {
        return None;
    }
    let hold = length(decision.hold_ms);
    let bad = decision.bad_word;
    let message = match history {
        Some(share) => format!(
            "the last baseline had {} of requests {bad}; then {hold} ends inconclusive",
            percent(share)
        ),
        None => format!(
            "{} cannot tell {} from its bound; then {hold} ends inconclusive",
            count(decision.events.unwrap_or(0), "request"),
            sli.name.value
        ),
    };
    let step = inputs.experiment.spec.method.first()?;
    let help = match needs {
        Some(seconds) => {
            // A person writes whole minutes; a little more never decides less.
            let seconds = if seconds > 120.0 { (seconds / 60.0).ceil() * 60.0 } else { seconds };
            let requests = number((question.rate * seconds) as u64);
            let hold = Duration::from_secs(seconds as u64);
            format!("hold: {hold} decides it ({requests} requests), or expect less")
        }
        None => "no hold up to a day decides it; expect less, or send more".to_owned(),
    };
    let diagnostic = Diagnostic::new(UNDECIDED, step.hold.span, message);
    Some(diagnostic.other(sli.expect.span, "this bound").help(help))
}
