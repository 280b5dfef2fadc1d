//! Owns OpenSLO documents to rules.

use super::clauses::{Source, aggregate, ratio_clauses, rest_of, when_where};
use super::document::{documents, get, list, path, text_at};
use super::query::{self, Query, Series};
use super::{INCOMPLETE, INEXPRESSIBLE, LEFT_OUT, NOT_OPENSLO, RENAMED};
use crate::diagnostic::{Code, Diagnostic, Level, Span, has_error};
use crate::sla::ast::{Bound, Clause, Function, Rule};
use crate::sla::{Facts, check, print};
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity, Share};
use crate::yaml::{self, Node};
use std::collections::{HashMap, HashSet};

const API: &str = "openslo/v1";

/// Turns OpenSLO v1 documents into rules, printed; documents with an error give none.
pub fn import(text: &str) -> (String, Vec<Diagnostic>) {
    let mut reader = Reader { offset: 0, found: Vec::new(), names: HashSet::new() };
    let mut slos = Vec::new();
    let mut indicators = HashMap::new();
    for (offset, part) in documents(text) {
        reader.offset = offset;
        let (root, found) = yaml::read(part);
        found.into_iter().for_each(|d| reader.push(d));
        let Some(root) = root.filter(|root| !root.is_null()) else { continue };
        match reader.kind_of(&root) {
            Some("SLO") => slos.push((offset, root)),
            Some("SLI") => {
                let name = text_at(&root, &["metadata", "name"]).unwrap_or_default();
                indicators.insert(name.to_owned(), (offset, root));
            }
            Some(other) => {
                let help = "rules have no such part; alerts come from sla compile --to rules";
                let message = format!("the document of kind {other} is left out");
                reader.say(LEFT_OUT, root.span, message, help);
            }
            None => {}
        }
    }
    if slos.is_empty() && reader.found.is_empty() {
        let help = "give a file with apiVersion: openslo/v1 and kind: SLO";
        reader.say(NOT_OPENSLO, Span::NONE, "there is no SLO in this file", help);
    }
    let mut out = String::new();
    for (offset, slo) in &slos {
        let before = reader.found.len();
        reader.offset = *offset;
        let rules = reader.slo(slo, &indicators);
        let printed: Vec<String> = rules.into_iter().map(|r| reader.printed(r, slo)).collect();
        if !has_error(&reader.found[before..]) {
            for rule in printed {
                let gap = if out.is_empty() { "" } else { "\n" };
                out.push_str(gap);
                out.push_str(&rule);
            }
        }
    }
    (out, crate::diagnostic::in_file_order(reader.found))
}

struct Reader {
    offset: usize,
    found: Vec<Diagnostic>,
    /// Names of rules so far.
    names: HashSet<String>,
}

impl Reader {
    fn push(&mut self, mut diagnostic: Diagnostic) {
        let shift = |span: Span| match span.is_written() {
            true => Span::new(span.start + self.offset, span.end + self.offset),
            false => span,
        };
        diagnostic.span = shift(diagnostic.span);
        for (span, _) in &mut diagnostic.others {
            *span = shift(*span);
        }
        self.found.push(diagnostic);
    }

    fn say(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        self.push(Diagnostic::new(code, span, message).help(help));
    }

    fn kind_of<'n>(&mut self, root: &'n Node) -> Option<&'n str> {
        let api = text_at(root, &["apiVersion"]).unwrap_or_default();
        if api != API {
            let at = path(root, &["apiVersion"]).map_or(root.span, |n| n.span);
            let message = format!("apiVersion is {api:?}, not {API}");
            self.say(NOT_OPENSLO, at, message, "only OpenSLO v1 is read");
            return None;
        }
        let kind = text_at(root, &["kind"]);
        if kind.is_none() {
            self.say(INCOMPLETE, root.span, "the document has no kind", "add kind: SLO");
        }
        kind
    }

    fn missing(&mut self, at: Span, what: &str, help: &str) {
        self.say(INCOMPLETE, at, format!("the SLO has no {what}"), help);
    }

    fn slo(&mut self, slo: &Node, indicators: &HashMap<String, (usize, Node)>) -> Vec<Rule> {
        let Some(name) = text_at(slo, &["metadata", "name"]) else {
            self.missing(slo.span, "metadata.name", "every document has a name");
            return Vec::new();
        };
        let name = text_at(slo, &["metadata", "displayName"]).unwrap_or(name);
        let Some(spec) = get(slo, "spec") else {
            self.missing(slo.span, "spec", "see openslo.com");
            return Vec::new();
        };
        self.left_out(spec);
        let Some(source) = self.indicator(spec, indicators) else { return Vec::new() };
        let over = self.period(spec);
        let objectives = list(spec, "objectives");
        if objectives.is_empty() {
            self.missing(spec.span, "objectives", "add objectives: [{target: 0.995}]");
        }
        let several = objectives.len() > 1;
        let mut rules = Vec::new();
        for (at, objective) in objectives.iter().enumerate() {
            let own = text_at(objective, &["displayName"]).map(str::to_owned);
            let own = own.unwrap_or_else(|| (at + 1).to_string());
            let name = if several { format!("{name} / {own}") } else { name.to_owned() };
            if let Some(clauses) = self.objective(objective, &source, over) {
                let clauses = clauses.into_iter().map(Spanned::default_value).collect();
                rules.push(Rule { name: Spanned::default_value(name), clauses });
            }
        }
        rules
    }

    /// Prints a rule under a name of its own. What the language refuses, a window of no time for
    /// example, is said here, where the document is at hand.
    fn printed(&mut self, mut rule: Rule, slo: &Node) -> String {
        let at = path(slo, &["metadata", "name"]).map_or(slo.span, |node| node.span);
        let wanted = rule.name.value.clone();
        let mut number = 2;
        while !self.names.insert(rule.name.value.clone()) {
            rule.name.value = format!("{wanted} ({number})");
            number += 1;
        }
        if rule.name.value != wanted {
            let message = format!("the rule is named {}", rule.name.value);
            self.say(RENAMED, at, message, "another SLO has that name already; give each its own");
        }
        let text = print(&rule);
        let found = check(&text, &Facts::default()).diagnostics;
        for error in found.into_iter().filter(|d| d.level == Level::Error) {
            let message = format!("{} would be no sound rule: {}", rule.name.value, error.message);
            self.say(INEXPRESSIBLE, at, message, error.help.as_deref().unwrap_or("see its query"));
        }
        text
    }

    fn left_out(&mut self, spec: &Node) {
        if let Some(node) = get(spec, "alertPolicies") {
            let help = "sla compile --to rules writes multi-window burn-rate alerts";
            self.say(LEFT_OUT, node.span, "alertPolicies are left out", help);
        }
        if let Some(node) = get(spec, "budgetingMethod")
            && text_at(spec, &["budgetingMethod"]) != Some("Occurrences")
        {
            let help = "rules count events, which is budgetingMethod: Occurrences";
            self.say(INEXPRESSIBLE, node.span, "time slices cannot be expressed", help);
        }
    }

    fn indicator(
        &mut self,
        spec: &Node,
        indicators: &HashMap<String, (usize, Node)>,
    ) -> Option<Source> {
        if let Some(name) = text_at(spec, &["indicatorRef"]) {
            let Some((offset, sli)) = indicators.get(name) else {
                let at = path(spec, &["indicatorRef"]).map_or(spec.span, |n| n.span);
                let help = "put the document of kind SLI into the same file";
                self.say(INCOMPLETE, at, format!("the SLI {name} is not in this file"), help);
                return None;
            };
            let here = std::mem::replace(&mut self.offset, *offset);
            let source = get(sli, "spec").and_then(|spec| self.source(spec));
            self.offset = here;
            return source;
        }
        let Some(inline) = path(spec, &["indicator", "spec"]) else {
            self.missing(spec.span, "indicator", "add indicator or indicatorRef");
            return None;
        };
        self.source(inline)
    }

    fn source(&mut self, spec: &Node) -> Option<Source> {
        if let Some(ratio) = get(spec, "ratioMetric") {
            return self.ratio(ratio);
        }
        let Some(threshold) = get(spec, "thresholdMetric") else {
            self.missing(spec.span, "ratioMetric or thresholdMetric", "the SLI needs one of them");
            return None;
        };
        match self.query(threshold)? {
            Query::Counter(_) => {
                let help = "a counter only grows: use ratioMetric";
                let message = "a threshold on a counter cannot be expressed";
                self.say(INEXPRESSIBLE, threshold.span, message, help);
                None
            }
            other => Some(Source::Threshold(other)),
        }
    }

    fn ratio(&mut self, ratio: &Node) -> Option<Source> {
        if let Some(raw) = get(ratio, "raw") {
            let help =
                "a ratio that is computed elsewhere has no events to judge; give good, total";
            self.say(INEXPRESSIBLE, raw.span, "a raw ratio cannot be expressed", help);
            return None;
        }
        let Some(total_node) = get(ratio, "total") else {
            self.missing(ratio.span, "ratioMetric.total", "give good (or bad) and total");
            return None;
        };
        let total = self.counter(total_node)?;
        if let Some(good) = get(ratio, "good") {
            return Some(Source::Ratio { good: self.counter(good)?, total });
        }
        let Some(bad_node) = get(ratio, "bad") else {
            self.missing(ratio.span, "ratioMetric.good", "give good (or bad) and total");
            return None;
        };
        let bad = self.counter(bad_node)?;
        match rest_of(&bad, &total) {
            Some(good) => Some(Source::Ratio { good, total }),
            None => {
                let message = "the good events cannot be expressed from the bad ones";
                let help = "give good; or let bad be total with one more condition";
                self.say(INEXPRESSIBLE, bad_node.span, message, help);
                None
            }
        }
    }

    fn counter(&mut self, node: &Node) -> Option<Series> {
        match self.query(node)? {
            Query::Counter(series) | Query::Gauge("avg", series) => Some(series),
            _ => {
                let help = "good, bad and total are counters";
                self.say(INEXPRESSIBLE, node.span, "this is no counter of events", help);
                None
            }
        }
    }

    fn query(&mut self, node: &Node) -> Option<Query> {
        let text = text_at(node, &["metricSource", "spec", "query"]);
        let Some(text) = text else {
            let help = "metricSource: {type: Prometheus, spec: {query: …}}";
            self.say(INCOMPLETE, node.span, "there is no metricSource.spec.query", help);
            return None;
        };
        let query = query::read(text);
        if query.is_none() {
            let at = path(node, &["metricSource", "spec", "query"]).map_or(node.span, |n| n.span);
            let help = "one metric with conditions: sum(rate(NAME{…}[5m])), or histogram_quantile";
            self.say(INEXPRESSIBLE, at, "this query cannot be expressed as a rule", help);
        }
        query
    }

    fn period(&mut self, spec: &Node) -> Option<Duration> {
        let window = list(spec, "timeWindow").first()?;
        let node = get(window, "duration")?;
        let text = text_at(window, &["duration"])?;
        if text_at(window, &["isRolling"]) == Some("false") || get(window, "calendar").is_some() {
            let help = "the rule takes a rolling window of the same length";
            self.say(LEFT_OUT, window.span, "a calendar window is read as a rolling one", help);
        }
        // OpenSLO counts months and quarters; a rule counts days.
        let days = |n: &str, days: u64| n.parse::<u64>().ok().map(|n| n * days);
        let whole = match text.strip_suffix('M') {
            Some(n) => days(n, 30),
            None => text.strip_suffix('Q').and_then(|n| days(n, 90)),
        };
        let read = whole.map(|d| Duration::from_secs(d.min(366) * 86_400));
        let read = read.or_else(|| Duration::parse_promql(text).ok());
        if read.is_none() {
            let message = format!("{text} is no length of time");
            self.say(INCOMPLETE, node.span, message, "such as 30d or 4w");
        }
        read
    }

    fn objective(
        &mut self,
        objective: &Node,
        source: &Source,
        over: Option<Duration>,
    ) -> Option<Vec<Clause>> {
        if let Some(node) = get(objective, "compositeWeight") {
            let help = "make a rule of each objective";
            self.say(INEXPRESSIBLE, node.span, "composite weights cannot be expressed", help);
            return None;
        }
        let target = self.target(objective)?;
        match source {
            Source::Ratio { good, total } => Some(ratio_clauses(good, total, target, over)),
            Source::Threshold(query) => self.threshold(objective, query, target),
        }
    }

    fn target(&mut self, objective: &Node) -> Option<Share> {
        let percent =
            match (text_at(objective, &["target"]), text_at(objective, &["targetPercent"])) {
                (Some(target), _) => target.parse::<f64>().ok().map(|t| t * 100.0),
                (None, Some(percent)) => percent.parse::<f64>().ok(),
                (None, None) => None,
            };
        let share = percent.and_then(|p| format!("{}%", (p * 1e7).round() / 1e7).parse().ok());
        if share.is_none() {
            let help = "target: 0.995, or targetPercent: 99.5";
            self.say(INCOMPLETE, objective.span, "the objective has no target", help);
        }
        share
    }

    fn threshold(&mut self, objective: &Node, query: &Query, target: Share) -> Option<Vec<Clause>> {
        let op = match text_at(objective, &["op"]) {
            Some("lte") => Op::Le,
            Some("lt") => Op::Lt,
            Some("gte") => Op::Ge,
            Some("gt") => Op::Gt,
            _ => {
                self.say(INCOMPLETE, objective.span, "the objective has no op", "op: lte");
                return None;
            }
        };
        let value = text_at(objective, &["value"]).unwrap_or_default().parse::<f64>().ok();
        let Some(value) = value.filter(|v| v.is_finite() && v.abs() < 1e12) else {
            self.say(INCOMPLETE, objective.span, "the objective has no value", "value: 0.8");
            return None;
        };
        let message = format!("the target {target} of all measurements is left out");
        self.say(LEFT_OUT, objective.span, message, "the rule must hold at every look");
        let (function, series) = match query {
            Query::Quantile(word, series) => (Function::of(word)?, series),
            Query::Gauge(word, series) => (Function::of(word)?, series),
            Query::Counter(_) => return None,
        };
        let seconds = series.metric.contains("second") && value > 0.0 && value < 3e7;
        let value = match seconds {
            true => Quantity::Duration(Duration::from_nanos((value * 1e9).round() as u64)),
            false => Quantity::Number(format!("{value}").parse().ok()?),
        };
        let mut clauses = when_where(series);
        clauses.push(aggregate(function, series));
        let (op, value) = (Spanned::default_value(op), Spanned::default_value(value));
        clauses.push(Clause::Threshold(Bound { op, value }));
        Some(clauses)
    }
}
