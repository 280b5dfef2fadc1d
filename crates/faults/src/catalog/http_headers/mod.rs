//! `http.headers`: headers are others.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::http;
use crate::mechanism::Own;
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpHeaders;

struct HttpHeaders;

static DESCRIPTION: Description = http::MECHANISM.fault(Own {
    name: "http.headers",
    summary: "headers are added or removed",
    params: &[
        Param::optional("add", Kind::Pair, None, "a header to add, name=value"),
        Param::optional("remove", Kind::Names, None, "headers to remove"),
        http::SHARE,
        http::BY,
        http::SIDE,
        http::DIRECTION,
        http::EXISTING,
    ],
    filters: http::FILTERS,
    hit_word: "message changed",
    tolerance: Tolerance::Own,
    conflicts: &["http.headers"],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for HttpHeaders {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = http::check(values);
        let named = values.text("add").and_then(|pair| pair.split(['=', ':']).next());
        issues.extend(named.and_then(|name| http::check_header("add", name)));
        let listed = values.list("remove").iter();
        issues.extend(listed.filter_map(|name| http::check_header("remove", name)));
        if named.is_none() && values.list("remove").is_empty() {
            issues.push(ValueIssue {
                code: "F025",
                key: "add".to_owned(),
                at_key: true,
                message: "no header is added or removed".to_owned(),
                label: "this fault would do nothing".to_owned(),
                help: Some("add: x-tenant=blue, or remove: authorization".to_owned()),
                other: None,
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        http::bound(values, "sent with other headers")
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        http::fits(values, target)
    }
}
