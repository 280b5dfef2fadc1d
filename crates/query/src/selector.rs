//! Owns selectors: which series a query wants. Knows label sets, not samples.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::labels::{Labels, METRIC_NAME, is_plain_name, quoted};

/// The largest compiled size of one regular expression; keeps a hostile pattern from eating memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// Returns the operator as PromQL writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// How it compares.
    pub op: MatchOp,
    /// The text or the pattern.
    pub value: String,
    /// Shared: a copy would bring a machine of its own.
    regex: Option<Arc<Regex>>,
}

/// A pattern that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("compile the pattern {pattern:?} of label {label}: {why}")]
pub struct PatternError {
    /// The label the pattern is for.
    pub label: String,
    /// The pattern as written.
    pub pattern: String,
    /// The engine's reason.
    pub why: String,
}

impl Matcher {
    /// Builds a matcher; only a pattern can fail.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, PatternError> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(anchored(name, value)?)),
        };
        Ok(Matcher { name: name.into(), op, value: value.into(), regex })
    }

    /// Builds a matcher for equality, which cannot fail.
    pub fn equal(name: &str, value: &str) -> Self {
        Matcher { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// Tells whether a label's value fits; a missing label has the empty value.
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => self.value == value,
            (MatchOp::NotEqual, _) => self.value != value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }
}

/// Compiles a pattern that must cover the whole value, dots matching newlines, as Prometheus does.
pub(crate) fn anchored(label: &str, pattern: &str) -> Result<Regex, PatternError> {
    let build = |text: &str| {
        regex::RegexBuilder::new(&format!("^(?s:{text})$")).size_limit(REGEX_BYTES_MAX).build()
    };
    build(pattern).map_err(|error| PatternError {
        label: label.into(),
        pattern: pattern.into(),
        why: error.to_string(),
    })
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.symbol(), quoted(&self.value))
    }
}

/// All conditions a series must meet; the metric's name is one of them (`__name__`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Selector {
    /// The conditions.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// Builds a selector from its conditions.
    pub fn new(matchers: Vec<Matcher>) -> Self {
        Selector { matchers }
    }

    /// Builds a selector for one metric.
    pub fn metric(name: &str) -> Self {
        Selector { matchers: vec![Matcher::equal(METRIC_NAME, name)] }
    }

    /// Adds a condition that a label equals a value.
    #[must_use]
    pub fn and(mut self, label: &str, value: &str) -> Self {
        self.matchers.push(Matcher::equal(label, value));
        self
    }

    /// Returns the metric's name where the selector fixes it.
    pub fn metric_name(&self) -> Option<&str> {
        self.matchers
            .iter()
            .find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal)
            .map(|m| m.value.as_str())
    }

    /// Tells whether a label set meets every condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|m| m.matches(labels.get(&m.name)))
    }
}

/// A selector that is asked about many label sets, which share most of their values: a pattern is
/// tried on each value once.
#[derive(Debug)]
pub struct Asker<'s> {
    selector: &'s Selector,
    /// For each pattern, the values it was tried on.
    tried: Vec<Vec<(Arc<str>, bool)>>,
}

/// Values remembered for a pattern; looking through more takes longer than trying it.
const TRIED_MAX: usize = 8;

impl<'s> Asker<'s> {
    /// Prepares to ask a selector.
    pub fn new(selector: &'s Selector) -> Self {
        Asker { selector, tried: vec![Vec::new(); selector.matchers.len()] }
    }

    /// As [`Selector::matches`].
    pub fn matches(&mut self, labels: &Labels) -> bool {
        let matchers = self.selector.matchers.iter().zip(&mut self.tried);
        matchers.into_iter().all(|(matcher, tried)| {
            let shared = labels.value(&matcher.name).filter(|_| matcher.regex.is_some());
            let Some(value) = shared else { return matcher.matches(labels.get(&matcher.name)) };
            if let Some((_, answer)) = tried.iter().find(|(known, _)| Arc::ptr_eq(known, value)) {
                return *answer;
            }
            let answer = matcher.matches(value);
            if tried.len() < TRIED_MAX {
                tried.push((value.clone(), answer));
            }
            answer
        })
    }
}

/// Prints a form that every Prometheus version parses, whatever the metric's name.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        write!(f, "{{{}}}", parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn patterns_are_anchored_and_a_missing_label_is_empty() {
        let m = Matcher::new("status", MatchOp::NotRegex, "5..").unwrap();
        assert!(m.matches("200") && m.matches("") && m.matches("5000") && !m.matches("503"));
        let m = Matcher::new("path", MatchOp::Regex, "/a|/b").unwrap();
        assert!(m.matches("/a") && !m.matches("/ab"));
        let m = Matcher::new("text", MatchOp::Regex, "a.b").unwrap();
        assert!(m.matches("a\nb"), "a dot matches a newline, as in Prometheus");
        let error = Matcher::new("x", MatchOp::Regex, "(").unwrap_err();
        assert!(error.to_string().starts_with("compile the pattern \"(\" of label x:"));
    }

    #[test]
    fn a_selector_prints_what_any_prometheus_parses() {
        let s = Selector::metric("up").and("service.name", "a\\b");
        assert_eq!(s.to_string(), r#"{__name__="up","service.name"="a\\b"}"#);
    }
}
