//! Owns what an SLO promises: its targets, bounds and the time they are for.

use super::clauses::{Source, aggregate, ratio_clauses, when_where};
use super::document::get;
use super::query::Query;
use super::reader::{Reader, Refused, Word};
use super::{INCOMPLETE, INEXPRESSIBLE, LEFT_OUT};
use crate::sla::ast::{Bound, Clause, Function};
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity, Share, UnitError};
use crate::yaml::Node;

/// The longest period, as everywhere in the language.
const DAYS_MAX: u64 = 366;
const TARGET: &str = "target: 0.995, or targetPercent: 99.5";
/// Larger bounds are no measurement of anything.
const VALUE_MAX: f64 = 1e12;

impl Reader<'_> {
    /// The period of the objectives; none where the document has none.
    pub(super) fn period(&mut self, spec: &Node) -> Result<Option<Duration>, Refused> {
        let help = "timeWindow: [{duration: 30d, isRolling: true}]";
        let windows = self.list(spec, "timeWindow", help)?;
        let Some(window) = windows.first() else { return Ok(None) };
        if let Some(second) = windows.get(1) {
            let message = "another timeWindow is left out";
            self.say(LEFT_OUT, self.mark(second), message, "OpenSLO takes one for each SLO");
        }
        let text = self.word(window, "duration", "the timeWindow", help)?;
        let rolling = self.word_if_any(window, "isRolling", help)?;
        if rolling.is_some_and(|word| word.text == "false") || get(window, "calendar").is_some() {
            let help = "the rule takes a rolling window of the same length";
            let message = "a calendar window is read as a rolling one";
            self.say(LEFT_OUT, self.mark(window), message, help);
        }
        length(text.text).map(Some).map_err(|why| {
            let (message, help) = match why {
                UnitError::TooLarge { .. } => {
                    (format!("{} is longer than a year", text.text), "a rule counts 366d at most")
                }
                UnitError::NoUnit(_) => (format!("{} has no unit", text.text), "such as 30d or 4w"),
                _ => (format!("{} is no length of time", text.text), "such as 30d or 4w"),
            };
            self.refuse(INCOMPLETE, text.span, message, help)
        })
    }

    pub(super) fn objective(
        &mut self,
        objective: &Node,
        source: &Source,
        over: Option<Duration>,
    ) -> Result<Vec<Clause>, Refused> {
        if let Some(node) = get(objective, "compositeWeight") {
            let help = "make a rule of each objective";
            let message = "composite weights cannot be expressed";
            return Err(self.refuse(INEXPRESSIBLE, self.mark(node), message, help));
        }
        let target = self.target(objective)?;
        match source {
            Source::Ratio { good, total } => Ok(ratio_clauses(good, total, target, over)),
            Source::Threshold(query) => self.threshold(objective, query, target),
        }
    }

    fn target(&mut self, objective: &Node) -> Result<Share, Refused> {
        let share = self.word_if_any(objective, "target", TARGET)?;
        let percent = self.word_if_any(objective, "targetPercent", TARGET)?;
        if let (Some(_), Some(percent)) = (share, percent) {
            let message = "targetPercent is left out, since there is a target";
            self.say(LEFT_OUT, percent.span, message, "write one of them");
        }
        match (share, percent) {
            (Some(word), _) => self.share(word, "target", 1.0),
            (None, Some(word)) => self.share(word, "targetPercent", 100.0),
            (None, None) => Err(self.missing(objective, "target", "the objective", TARGET)),
        }
    }

    /// A share that is written as a number of which `all` is everything.
    fn share(&mut self, word: Word<'_>, key: &str, all: f64) -> Result<Share, Refused> {
        let Word { text, span } = word;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number else {
            let percent = text.strip_suffix('%').filter(|n| n.trim().parse::<f64>().is_ok());
            let help = match percent {
                Some(percent) => format!("targetPercent: {}", percent.trim()),
                None => TARGET.to_owned(),
            };
            let message = format!("the {key} {text} is no number");
            return Err(self.refuse(INCOMPLETE, span, message, &help));
        };
        if number < 0.0 {
            let message = format!("the {key} {text} is below zero");
            return Err(self.refuse(INCOMPLETE, span, message, TARGET));
        }
        if number > all {
            let message = format!("the {key} {text} is more than all, which is {all}");
            let meant = all < 100.0 && (50.0..=100.0).contains(&number);
            let help = if meant { format!("targetPercent: {text}?") } else { TARGET.to_owned() };
            return Err(self.refuse(INCOMPLETE, span, message, &help));
        }
        let ten_millionths = number * (100.0 / all) * 1e7;
        let percent = format!("{}%", ten_millionths.round() / 1e7);
        // Digits that the rule cannot hold must not turn a target into a neighbor of it.
        let exact = (ten_millionths - ten_millionths.round()).abs() < 1e-3;
        percent.parse().ok().filter(|_| exact).ok_or_else(|| {
            let message = format!("the {key} {text} is finer than 0.0000001 %");
            self.refuse(INEXPRESSIBLE, span, message, "write fewer digits")
        })
    }

    fn threshold(
        &mut self,
        objective: &Node,
        query: &Query,
        target: Share,
    ) -> Result<Vec<Clause>, Refused> {
        let help = "op: lte, lt, gte or gt";
        let op = self.word(objective, "op", "the objective", help)?;
        let op = match op.text {
            "lte" => Op::Le,
            "lt" => Op::Lt,
            "gte" => Op::Ge,
            "gt" => Op::Gt,
            other => {
                let message = format!("the op {other} is no comparison");
                return Err(self.refuse(INCOMPLETE, op.span, message, help));
            }
        };
        let word = self.word(objective, "value", "the objective", "value: 0.8")?;
        let message = format!("the target {target} of all measurements is left out");
        let help = "the rule must hold at every look";
        self.say(LEFT_OUT, self.mark(objective), message, help);
        let (name, series) = match query {
            Query::Quantile(name, series) => (name.as_str(), series),
            Query::Gauge(name, series) => (*name, series),
            Query::Counter(_) => unreachable!("invariant: a threshold has no counter"),
        };
        let Some(function) = Function::of(name) else {
            let message = format!("the quantile {name} of its query cannot be expressed");
            let help = "histogram_quantile(0.99, …), with at most nine digits";
            return Err(self.refuse(INEXPRESSIBLE, self.mark(objective), message, help));
        };
        let seconds = series.metric.contains("second");
        let value = self.value(word, seconds)?;
        let mut clauses = when_where(series);
        clauses.push(aggregate(function, series));
        let (op, value) = (Spanned::default_value(op), Spanned::default_value(value));
        clauses.push(Clause::Threshold(Bound { op, value }));
        Ok(clauses)
    }

    fn value(&mut self, word: Word<'_>, seconds: bool) -> Result<Quantity, Refused> {
        let Word { text, span } = word;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number else {
            let help = "a number in the metric's own unit: value: 0.8";
            let message = format!("the value {text} is no number");
            return Err(self.refuse(INCOMPLETE, span, message, help));
        };
        if number.abs() >= VALUE_MAX {
            let message = format!("the value {text} is too large");
            let help = "a number in the metric's own unit: value: 0.8";
            return Err(self.refuse(INCOMPLETE, span, message, help));
        }
        if seconds && number > 0.0 && number < 3e7 {
            return Ok(Quantity::Duration(Duration::from_nanos((number * 1e9).round() as u64)));
        }
        let exact = format!("{number}").parse();
        exact.map(Quantity::Number).map_err(|_| {
            let message = format!("the value {text} is finer than nine decimals");
            self.refuse(INEXPRESSIBLE, span, message, "write fewer digits")
        })
    }
}

/// A length of time; OpenSLO counts months, quarters and years, a rule counts days.
fn length(text: &str) -> Result<Duration, UnitError> {
    let units = [('M', 30), ('Q', 90), ('Y', 365)];
    let long = units.iter().find_map(|&(unit, days)| Some((text.strip_suffix(unit)?, days)));
    let Some((number, days)) = long else { return Duration::parse_promql(text) };
    let number: u64 = number
        .parse()
        .map_err(|_| UnitError::NotThis { text: text.to_owned(), kind: "a length of time" })?;
    let days = number.saturating_mul(days);
    if days > DAYS_MAX {
        return Err(UnitError::TooLarge { text: text.to_owned(), most: "366d" });
    }
    Ok(Duration::from_secs(days * 86_400))
}
