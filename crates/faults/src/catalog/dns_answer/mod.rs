//! `dns.answer`: questions are answered wrongly.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dns;
use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param, ValueIssue};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DnsAnswer;

struct DnsAnswer;

static DESCRIPTION: Description = dns::MECHANISM.fault(Own {
    name: "dns.answer",
    summary: "names are answered with other addresses",
    params: &[
        Param::optional(
            "address",
            Kind::Addresses,
            None,
            "what A and AAAA questions are answered with; the family not given has none",
        ),
        Param::optional(
            "cname",
            Kind::Glob,
            None,
            "the name becomes an alias of this one, whose real addresses follow",
        ),
        Param::optional(
            "ttl",
            Kind::Duration { min: "0s", max: "30s" },
            Some("0s"),
            "how long clients may keep it, also after the fault has ended",
        ),
        dns::SHARE,
    ],
    filters: dns::FILTERS,
    hit_word: "question answered wrongly",
    tolerance: Tolerance::Own,
    conflicts: dns::CONFLICTS,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

impl Fault for DnsAnswer {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = dns::check(values);
        let addresses = values.list("address");
        match values.text("cname") {
            None if addresses.is_empty() => issues.push(issue(
                "F031",
                "address",
                "there is nothing to answer with".to_owned(),
                "address: 10.0.0.1 or cname: other.example",
            )),
            Some(name) if !is_name(name) => issues.push(issue(
                "F032",
                "cname",
                format!("{name} is no host name"),
                "cname: other.example",
            )),
            _ => {}
        }
        if addresses.len() > ADDRESSES_MAX {
            issues.push(issue(
                "F032",
                "address",
                format!("{} addresses do not fit an answer", addresses.len()),
                "8 addresses at most",
            ));
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        let addresses = values.list("address").join(", ");
        let what = match (values.text("cname"), addresses.as_str()) {
            (Some(name), "") => format!("are answered with the addresses of {name}"),
            (Some(name), addresses) => format!("are answered with {name} at {addresses}"),
            (None, addresses) => format!("are answered with {addresses}"),
        };
        dns::bound(values, &what)
    }
}

/// The most addresses that fit an answer over UDP with the longest name.
const ADDRESSES_MAX: usize = 8;

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(fits);
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

fn issue(code: &'static str, key: &str, message: String, help: &str) -> ValueIssue {
    ValueIssue {
        code,
        key: key.to_owned(),
        at_key: code == "F031",
        label: "cannot be an answer".to_owned(),
        message,
        help: Some(help.to_owned()),
        other: None,
    }
}
