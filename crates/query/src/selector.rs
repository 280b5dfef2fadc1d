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

/// A selector that is asked about many label sets, which share most of their texts: a label is
/// looked for where it was the last time, and a condition tried on each value once.
#[derive(Debug)]
pub struct Asker<'s> {
    selector: &'s Selector,
    asked: Vec<Asked>,
}

/// What is known of one condition.
#[derive(Debug, Default)]
struct Asked {
    /// Where the label was, and its name as it is kept there.
    place: Option<(usize, Arc<str>)>,
    /// The values it was tried on.
    tried: Vec<(Arc<str>, bool)>,
}

/// Values remembered for a condition; looking through more takes longer than trying it.
const TRIED_MAX: usize = 8;

impl<'s> Asker<'s> {
    /// Prepares to ask a selector.
    pub fn new(selector: &'s Selector) -> Self {
        let asked = selector.matchers.iter().map(|_| Asked::default()).collect();
        Asker { selector, asked }
    }

    /// As [`Selector::matches`].
    pub fn matches(&mut self, labels: &Labels) -> bool {
        let matchers = self.selector.matchers.iter().zip(&mut self.asked);
        matchers.into_iter().all(|(matcher, asked)| asked.answer(matcher, labels))
    }
}

impl Asked {
    fn answer(&mut self, matcher: &Matcher, labels: &Labels) -> bool {
        let Some(value) = self.value(&matcher.name, labels) else { return matcher.matches("") };
        if let Some((_, answer)) = self.tried.iter().find(|(known, _)| Arc::ptr_eq(known, value)) {
            return *answer;
        }
        let answer = matcher.matches(value);
        if self.tried.len() < TRIED_MAX {
            self.tried.push((value.clone(), answer));
        }
        answer
    }

    fn value<'l>(&mut self, name: &str, labels: &'l Labels) -> Option<&'l Arc<str>> {
        if let Some((place, known)) = &self.place
            && let Some((name, value)) = labels.at(*place)
            && Arc::ptr_eq(name, known)
        {
            return Some(value);
        }
        let place = labels.place(name)?;
        let (name, value) = labels.at(place)?;
        self.place = Some((place, name.clone()));
        Some(value)
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
    fn an_asker_says_what_the_selector_says_whatever_texts_are_shared() {
        let mut selector = Selector::metric("a").and("job", "x").and("none", "");
        selector.matchers.push(Matcher::new("code", MatchOp::NotRegex, "5..").unwrap());
        selector.matchers.push(Matcher::new("pod", MatchOp::NotEqual, "p").unwrap());
        let mut texts: Vec<Arc<str>> = Vec::new();
        let mut share = |text: &Arc<str>| match texts.iter().find(|known| *known == text) {
            Some(known) => known.clone(),
            None => {
                texts.push(text.clone());
                text.clone()
            }
        };
        let mut asker = Asker::new(&selector);
        let mut met = 0;
        for n in 0..400_usize {
            // Labels stand at other places where one before them is missing.
            let code = ["200", "503", "", "404"][n % 4];
            let (job, pod) = (["x", "y", "x"][n % 3], ["p", "q", ""][n / 4 % 3]);
            let extra = format!("{}", n % 40);
            let name = ["a", "a", "a", "b"][n / 12 % 4];
            let pairs = [("code", code), ("job", job), ("pod", pod), ("a0", &extra[1..])];
            let labels = Labels::named(name, pairs);
            let labels = if n % 5 == 0 { labels } else { labels.shared(&mut share) };
            assert_eq!(asker.matches(&labels), selector.matches(&labels), "{labels}");
            met += usize::from(selector.matches(&labels));
        }
        assert!(met > 20 && met < 380, "{met}");
    }

    #[test]
    fn a_selector_prints_what_any_prometheus_parses() {
        let s = Selector::metric("up").and("service.name", "a\\b");
        assert_eq!(s.to_string(), r#"{__name__="up","service.name"="a\\b"}"#);
    }
}
