//! The SLA language: text to lossless tree, typed rules, agreements, and what backends read.
//!
//! ```
//! use squall_spec::sla;
//!
//! let text = r#"SLA("API availability")
//! WHEN metric="http_requests_total"
//! WHERE label="{job='api-gateway', status!~'5..'}"
//! AGGREGATE rate(5m)
//! THRESHOLD >= 0.995
//! IMPACTED_BY chaos("cpu-load", namespace="prod", pod="auth-*");
//! "#;
//! let checked = sla::check(text, &sla::Facts::default());
//! assert!(checked.diagnostics.is_empty());
//! assert_eq!(checked.parsed.tree().text(), text);
//! assert_eq!(sla::format(text).as_deref(), Some(text));
//! ```

mod agreement;
pub mod ast;
mod bounds;
mod check;
mod clauses;
mod editor;
mod impact;
mod lex;
mod lost;
mod matchers;
mod parse;
mod print;
pub mod promql;
mod rules;
mod split;
pub mod syntax;
mod text;

pub use agreement::{Agreement, Breaker, Budget, Consistency, Facts, Limit, Measure, Selector};
pub use check::{Checked, check};
pub use clauses::{CLAUSES, Known};
pub use editor::{Suggestion, complete, hover, meaning, sentence};
pub use impact::names_fault;
pub use lost::lost_in_promql;
pub use parse::{DIAGNOSTICS_MAX, Parsed, parse};
pub use print::{format, length, print, print_bound, print_chaos, print_clause};
pub use rules::rules;

/// Reads `metric{…}` on its own, as other languages write it; none where anything is wrong.
pub(crate) fn read_series(text: &str) -> Option<(Option<String>, Vec<ast::Matcher>)> {
    let span = crate::diagnostic::Span::NONE;
    let (side, found) = matchers::read(&text::Decoded::plain(text.to_owned(), span));
    let matchers = side.matchers.into_iter().map(|m| m.value).collect();
    found.is_empty().then(|| (side.metric.map(|m| m.value), matchers))
}
