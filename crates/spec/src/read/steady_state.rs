//! The `steadyState` list, and what a query says about its own unit and window.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::experiment::{Checks, SliSpec};
use crate::spanned::Spanned;
use crate::units::{Duration, Expect, Op, Quantity, Share};
use crate::yaml::Node;
use std::collections::HashMap;

/// Two things with one name.
const SAME_NAME: Code = Code::error("S112");
/// A bound that every value or none satisfies.
const NO_BOUND: Code = Code::error("S206");
/// The fault is over before the query's window has passed.
const HOLD_SHORT: Code = Code::warning("S310");

impl Walk<'_> {
    /// Reads the indicators; at least one, no two of one name.
    pub(super) fn steady_state(&mut self, body: &Fields<'_>, checks: &dyn Checks) -> Vec<SliSpec> {
        let example = "steadyState: [{name: …, query: …, expect: \">= 99.95%\"}]";
        let Some(items) = self.filled_list(body, "steadyState", example) else {
            return Vec::new();
        };
        // Names are compared even where the rest of an indicator is broken.
        let mut names = Vec::new();
        let sli = |item| self.sli(item, &mut names, checks);
        let slis = items.iter().filter_map(sli).collect();
        self.names_differ(names.iter());
        slis
    }

    /// Reports every name that was there before.
    pub(super) fn names_differ<'n>(&mut self, names: impl Iterator<Item = &'n Spanned<String>>) {
        let mut places = HashMap::new();
        for name in names {
            if let Some(&first) = places.get(name.value.as_str()) {
                let message = format!("two things are called \"{}\"", name.value);
                let diagnostic = Diagnostic::new(SAME_NAME, name.span, message);
                self.report(diagnostic.label("again").other(first, "first"));
            } else {
                places.insert(name.value.as_str(), name.span);
            }
        }
    }

    fn sli(
        &mut self,
        item: &Node,
        names: &mut Vec<Spanned<String>>,
        checks: &dyn Checks,
    ) -> Option<SliSpec> {
        let fields = self.fields(item, item.span, &["name", "query", "expect"])?;
        let name = self.required_text(&fields, "name", "name: order success");
        names.extend(name.clone());
        let query = self.required_text(&fields, "query", "query: a PromQL expression");
        if let Some(query) = &query {
            self.diagnostics.extend(checks.query(query));
            self.queries.push(query.clone());
        }
        let seconds = query.as_ref().is_some_and(|query| yields_seconds(query));
        let expect = self
            .required(&fields, "expect", "expect: \">= 99.95%\"")
            .and_then(|pair| self.expect(&pair.value, seconds));
        let expect = expect.inspect(|expect| self.bound_means_something(expect));
        Some(SliSpec { name: name?, query: query?, expect: expect? })
    }

    fn bound_means_something(&mut self, expect: &Spanned<Expect>) {
        let share = match expect.value.value {
            Quantity::Share(share) => Some(share),
            _ => None,
        };
        // Nothing measured here is below zero, plain numbers aside, and no share above one.
        let signed = matches!(expect.value.value, Quantity::Number(_));
        let zero = expect.bound_in_query_unit() == 0.0 && !signed;
        let all = share == Some(Share::ALL);
        let why = match expect.op {
            Op::Lt if zero => "no value can satisfy this",
            Op::Gt if all => "no value can satisfy this",
            Op::Ge if zero => "every value satisfies this",
            Op::Le if all => "every value satisfies this",
            _ => return,
        };
        let message = format!("\"{}\" is not a bound", expect.value);
        self.report(Diagnostic::new(NO_BOUND, expect.span, message).label(why));
    }

    /// Warns where a query looks back further than the fault lasts.
    pub(super) fn windows_fit(&mut self) {
        let windows = self.queries.iter().filter_map(|query| {
            let (window, text) = longest_window(query)?;
            Some((window, self.part(query.span, text)))
        });
        // Of equal windows the first is shown.
        let Some((window, place)) = windows.rev().max_by_key(|&(window, _)| window) else {
            return;
        };
        for hold in self.holds.clone().into_iter().filter(|hold| hold.value < window) {
            let message = "the hold is shorter than the query's window";
            let diagnostic = Diagnostic::new(HOLD_SHORT, hold.span, message)
                .label("the window never holds only the fault")
                .other(place, "this window")
                .note("the verdict uses raw samples and is not affected; charts of this query are");
            self.report(diagnostic);
        }
    }
}

/// Guesses whether a query yields a length of time: a quantile of a histogram of seconds.
fn yields_seconds(query: &str) -> bool {
    query.contains("histogram_quantile") && query.contains("_seconds")
}

/// Returns the longest range of a query and how it is written, brackets not included.
fn longest_window(query: &str) -> Option<(Duration, &str)> {
    let mut longest = None;
    let mut quote = None;
    let mut open = None;
    let mut escaped = false;
    for (at, c) in query.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '[') => open = Some(at + 1),
            (None, ']') => {
                let Some(inside) = open.take().and_then(|from| query.get(from..at)) else {
                    continue;
                };
                // A subquery `[5m:10s]` looks back by its first part.
                let range = inside.split(':').next().unwrap_or(inside).trim();
                if let Ok(window) = Duration::parse_promql(range) {
                    longest = longest.max(Some((window, range)));
                }
            }
            _ => {}
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_outside_quotes() {
        let check = |query: &str, expected: Option<&str>| {
            assert_eq!(longest_window(query).map(|(_, text)| text), expected, "{query}");
        };
        check("rate(a[30s]) / rate(b[5m])", Some("5m"));
        check("a{x=\"[9h]\"}", None);
        check("a{x=\"\\\"[9h]\"} + max_over_time(b[1h:1m])", Some("1h"));
        check("a[", None);
        check("rate(é[1d])", Some("1d"));
    }
}
