//! `http.delay`: requests or replies are late.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, ValueIssue};
use crate::http::{self, delay};
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpDelay;

struct HttpDelay;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.delay",
    summary: "requests or replies are late",
    params: &[
        delay::MEAN,
        delay::JITTER,
        delay::DISTRIBUTION,
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "request delayed",
    tolerance: Tolerance::Own,
    conflicts: &["http.delay"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpDelay {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = http::check(values);
        issues.extend(delay::check(values));
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        delay::worst(values)
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::values::check;
    use squall_wire::injection::Values;

    fn of(with: &[(&str, &str)]) -> Result<Checked, Vec<ValueIssue>> {
        let with = with.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        check(FAULT, &with, &Values::new())
    }

    #[test]
    fn jitter_above_the_mean_names_both() {
        let issue = of(&[("mean", "500ms"), ("jitter", "600ms")]).unwrap_err().remove(0);
        assert_eq!((issue.code, issue.key.as_str()), ("F012", "jitter"));
        assert_eq!(issue.message, "jitter is larger than the mean");
        assert_eq!(issue.label, "a delay of −100 ms is not possible");
        assert_eq!(issue.help.as_deref(), Some("jitter: 500ms at most"));
        assert_eq!(issue.other, Some(("mean".to_owned(), "the mean".to_owned())));
    }

    #[test]
    fn the_bound_says_how_late_and_how_many() {
        let text = |with| FAULT.bound(&of(with).unwrap()).text;
        assert_eq!(text(&[("mean", "50ms")]), "every matching request is 50 ms late");
        assert_eq!(
            text(&[("mean", "500ms"), ("jitter", "500ms"), ("share", "10%")]),
            "10% of matching requests are 0 s to 1 s late"
        );
        assert_eq!(
            text(&[("mean", "30ms"), ("distribution", "pareto")]),
            "every matching request is 20 ms to 600 ms late"
        );
        assert_eq!(
            text(&[("mean", "30ms"), ("jitter", "10ms"), ("distribution", "normal")]),
            "every matching request is 0 s to 70 ms late"
        );
    }
}
