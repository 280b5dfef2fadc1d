//! Owns OpenSLO documents to rules.

use super::document::{documents, get, path, text_at};
use super::reader::{Reader, Refused};
use super::{INCOMPLETE, INEXPRESSIBLE, LEFT_OUT, NOT_OPENSLO, RENAMED};
use crate::diagnostic::{Diagnostic, Level, Span, has_error, in_file_order};
use crate::read::closest;
use crate::sla::ast::Rule;
use crate::sla::{Facts, check, print};
use crate::spanned::Spanned;
use crate::yaml::{self, Node};
use std::collections::HashMap;

const API: &str = "openslo/v1";
/// Kinds of OpenSLO that are no rule.
const OTHER_KINDS: [&str; 5] =
    ["Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"];

/// Indicators that stand in documents of their own, with where each begins.
pub(super) type Indicators = HashMap<String, (usize, Node)>;

/// Turns OpenSLO v1 documents into rules, printed; documents with an error give none.
pub fn import(text: &str) -> (String, Vec<Diagnostic>) {
    let mut reader = Reader::new(text);
    let mut slos = Vec::new();
    let mut indicators = Indicators::new();
    for (offset, part) in documents(text) {
        reader.offset = offset;
        let (root, found) = yaml::read(part);
        found.into_iter().for_each(|d| reader.push(d));
        let Some(root) = root.filter(|root| !root.is_null()) else { continue };
        // What could not be told apart was said.
        let Ok(kind) = reader.kind_of(&root) else { continue };
        match kind {
            Kind::Slo => slos.push((offset, root)),
            Kind::Sli => reader.keep_indicator(&mut indicators, root),
            Kind::LeftOut => {}
        }
    }
    if slos.is_empty() && !has_error(&reader.found) {
        reader.offset = 0;
        let help = "give a file with apiVersion: openslo/v1 and kind: SLO";
        reader.say(NOT_OPENSLO, Span::NONE, "there is no SLO in this file", help);
    }
    let mut out = String::new();
    for (offset, slo) in &slos {
        let before = reader.found.len();
        reader.offset = *offset;
        // Without its rules there is an error, which is looked at below.
        let rules = reader.slo(slo, &indicators).unwrap_or_default();
        let printed: Vec<String> = rules.into_iter().map(|r| reader.printed(r, slo)).collect();
        if !has_error(&reader.found[before..]) {
            for rule in printed {
                let gap = if out.is_empty() { "" } else { "\n" };
                out.push_str(gap);
                out.push_str(&rule);
            }
        }
    }
    (out, in_file_order(reader.found))
}

/// What a document is.
enum Kind {
    Slo,
    Sli,
    LeftOut,
}

impl Reader<'_> {
    fn kind_of(&mut self, root: &Node) -> Result<Kind, Refused> {
        if !matches!(root.kind, yaml::Kind::Map(_)) {
            let message = format!("the document is {}, not a map", root.shape());
            let help = "it begins with apiVersion: openslo/v1 and kind: SLO";
            return Err(self.refuse(NOT_OPENSLO, self.mark(root), message, help));
        }
        let api = self.word(root, "apiVersion", "the document", "apiVersion: openslo/v1")?;
        if api.text != API {
            let message = format!("apiVersion is {:?}, not {API}", api.text);
            return Err(self.refuse(NOT_OPENSLO, api.span, message, "only OpenSLO v1 is read"));
        }
        let kind = self.word(root, "kind", "the document", "kind: SLO")?;
        match kind.text {
            "SLO" => return Ok(Kind::Slo),
            "SLI" => return Ok(Kind::Sli),
            _ => {}
        }
        let message = format!("the document of kind {} is left out", kind.text);
        if OTHER_KINDS.contains(&kind.text) {
            let help = "rules have no such part; alerts come from sla compile --to rules";
            self.say(LEFT_OUT, kind.span, message, help);
            return Ok(Kind::LeftOut);
        }
        let known = ["SLO", "SLI"].into_iter().chain(OTHER_KINDS);
        let help = match closest(kind.text, known) {
            Some(near) => format!("did you mean kind: {near}?"),
            None => "OpenSLO has no such kind; rules come from kind: SLO".to_owned(),
        };
        let message = format!("{} is no kind of OpenSLO", kind.text);
        Err(self.refuse(NOT_OPENSLO, kind.span, message, &help))
    }

    fn keep_indicator(&mut self, indicators: &mut Indicators, root: Node) {
        let help = "an SLO finds it by that name: metadata: {name: orders}";
        let name = self
            .map(&root, "metadata", "the SLI", help)
            .and_then(|metadata| self.word(metadata, "name", "the SLI's metadata", help));
        let Ok(name) = name else { return };
        if indicators.contains_key(name.text) {
            let message = format!("there are two SLIs named {}", name.text);
            self.say(INCOMPLETE, name.span, message, "give each a name of its own");
        }
        indicators.insert(name.text.to_owned(), (self.offset, root));
    }

    fn slo(&mut self, slo: &Node, indicators: &Indicators) -> Result<Vec<Rule>, Refused> {
        let help = "every document has a name: metadata: {name: orders}";
        let metadata = self.map(slo, "metadata", "the SLO", help)?;
        let name = self.word(metadata, "name", "the SLO's metadata", help)?.text;
        let name = text_at(metadata, &["displayName"]).unwrap_or(name);
        let help = "spec: {indicator: …, timeWindow: […], objectives: […]}";
        let spec = self.map(slo, "spec", "the SLO", help)?;
        self.left_out(spec);
        let source = self.indicator(spec, indicators)?;
        let over = self.period(spec)?;
        let help = "objectives: [{target: 0.995}]";
        let objectives = self.list(spec, "objectives", help)?;
        if objectives.is_empty() {
            return Err(self.missing(spec, "objectives", "the SLO", help));
        }
        let several = objectives.len() > 1;
        let mut rules = Vec::new();
        for (at, objective) in objectives.iter().enumerate() {
            let own = text_at(objective, &["displayName"]).map(str::to_owned);
            let own = own.unwrap_or_else(|| (at + 1).to_string());
            let name = if several { format!("{name} / {own}") } else { name.to_owned() };
            // The next one's mistakes are worth saying, too.
            if let Ok(clauses) = self.objective(objective, &source, over) {
                let clauses = clauses.into_iter().map(Spanned::default_value).collect();
                rules.push(Rule { name: Spanned::default_value(name), clauses });
            }
        }
        Ok(rules)
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
            self.say(LEFT_OUT, self.mark(node), "alertPolicies are left out", help);
        }
        if let Some(node) = get(spec, "budgetingMethod")
            && let method = text_at(spec, &["budgetingMethod"])
            && method != Some("Occurrences")
        {
            let help = "rules count events, which is budgetingMethod: Occurrences";
            let message = match method {
                Some("Timeslices" | "RatioTimeslices") => "time slices cannot be expressed".into(),
                Some(other) => format!("{other} is no budgetingMethod that a rule can express"),
                None => "budgetingMethod is empty".into(),
            };
            self.say(INEXPRESSIBLE, self.mark(node), message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place and the text of each diagnostic.
    fn check(text: &str, expected: &[(&str, &str)]) {
        let (_, found) = import(text);
        let said: Vec<(&str, &str)> =
            found.iter().map(|d| (&text[d.span.start..d.span.end], d.message.as_str())).collect();
        assert_eq!(said, expected, "{text}");
    }

    const RATIO: &str = "  indicator: {spec: {ratioMetric: {good: {metricSource: {spec: {query: 'a{ok=\"1\"}'}}}, total: {metricSource: {spec: {query: a}}}}}}\n";

    fn slo(spec: &str) -> String {
        format!("apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a}}\nspec:\n{spec}")
    }

    #[test]
    fn an_empty_value_behind_another_document_has_its_own_place() {
        // Letters of several bytes in the first document: a place that is not moved by the length
        // of what stands before would be inside one of them.
        let first = "# 下单成功率下单成功率下单成功率下单成功率下单成功率下单成功率下单成功率下单成功率\nkind: SLO\n";
        let window = "  timeWindow: [{duration: &a , isRolling: true}]\n";
        let text = format!("{first}---\n{}", slo(&format!("{RATIO}{window}")));
        let said =
            [("kind: SLO", "the document has no apiVersion"), ("duration", "duration is empty")];
        check(&text, &said);
        let broken = format!("{first}---\na: [b\n");
        let (_, found) = import(&broken);
        let at = found.last().expect("it is no YAML").span;
        assert!(at.start > first.len() && broken.get(at.start..at.end).is_some(), "{found:?}");
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said() {
        let objective = |objective: &str, expected: &[(&str, &str)]| {
            check(&slo(&format!("{RATIO}  objectives: [{{{objective}}}]\n")), expected);
        };
        objective("target: 0.99", &[]);
        objective("target: 1.5", &[("1.5", "the target 1.5 is more than all, which is 1")]);
        objective("target: .nan", &[(".nan", "the target .nan is no number")]);
        objective("target: NaN", &[("NaN", "the target NaN is no number")]);
        objective("target: 99.5%", &[("99.5%", "the target 99.5% is no number")]);
        objective("target: -1", &[("-1", "the target -1 is below zero")]);
        objective("target:", &[("target", "target is empty")]);
        objective("target: [1]", &[("target", "target is a list, not a single value")]);
        let fine = "the target 0.99999999999 is finer than 0.0000001 %";
        objective("target: 0.99999999999", &[("0.99999999999", fine)]);
        let over = "the targetPercent 100.1 is more than all, which is 100";
        objective("targetPercent: 100.1", &[("100.1", over)]);
        objective("tagret: 0.9", &[("tagret", "the objective has no target")]);
    }

    #[test]
    fn windows_are_read_or_refused_by_name() {
        let window = |window: &str, expected: &[(&str, &str)]| {
            let spec = format!("{RATIO}  timeWindow: {window}\n  objectives: [{{target: 0.9}}]\n");
            check(&slo(&spec), expected);
        };
        for fine in ["30d", "1M", "1Q", "1Y", "4w", "12M"] {
            window(&format!("[{{duration: {fine}}}]"), &[]);
        }
        window("[{duration: 30}]", &[("30", "30 has no unit")]);
        window("[{duration: 13M}]", &[("13M", "13M is longer than a year")]);
        let huge = "18446744073709551615M";
        window(
            &format!("[{{duration: {huge}}}]"),
            &[(huge, &format!("{huge} is longer than a year"))],
        );
        window("[{duration: long}]", &[("long", "long is no length of time")]);
        window("{duration: 30d}", &[("timeWindow", "timeWindow is a map, not a list")]);
        window("[{}]", &[("{}", "the timeWindow has no duration")]);
    }

    #[test]
    fn a_document_without_a_rule_is_an_error() {
        let kind = |kind: &str, expected: &[(&str, &str)]| {
            check(&format!("apiVersion: openslo/v1\nkind: {kind}\n"), expected);
        };
        kind("Slo", &[("Slo", "Slo is no kind of OpenSLO")]);
        let nothing = ("", "there is no SLO in this file");
        kind("Service", &[nothing, ("Service", "the document of kind Service is left out")]);
        check("--- # nothing\n...\n%YAML 1.2\n", &[nothing]);
    }
}
