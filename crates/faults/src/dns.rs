//! What the faults of the family `dns` have in common: how questions are chosen, and how a fault
//! on them lives. Each fault is a folder of the catalog.

#[cfg(feature = "effects")]
pub(crate) mod effect;

use crate::fault::{Bound, Death, Kind, Need, Param, ValueIssue};
use crate::mechanism::Mechanism;
use crate::values::Checked;

/// The record types that a file may name, with their numbers.
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("ANY", 255),
];

/// How all of them act and end.
pub(crate) const MECHANISM: Mechanism = Mechanism {
    family: "dns",
    death: Death::KernelLink,
    acts: "questions reach a resolver of the agent by kernel-held hooks on the target's cgroup",
    ends: "with its kernel links: kill -9 of the agent included; a lease that ran out ends it too",
    spares: "what does not match, byte for byte; other processes; answers that a client has cached",
    needs: &[Need::Root, Need::Cgroup2, Need::BpfCgroupRedirect],
};
/// Only one of them can answer for a target.
pub(crate) const CONFLICTS: &[&str] =
    &["dns.answer", "dns.delay", "dns.error", "dns.timeout", "dns.truncate"];

/// The `where` block.
pub(crate) const FILTERS: &[Param] = &[
    Param::optional(
        "name",
        Kind::Glob,
        None,
        "only questions for this name, as resolvers see it; * stands for any text",
    ),
    Param::optional("type", Kind::Names, None, "only questions of these types, for example A,AAAA"),
    Param::optional("resolver", Kind::Cidr, None, "only questions to these resolvers"),
    Param::optional("port", Kind::Port, Some("53"), "the port the resolvers answer on"),
];

/// How many of the questions that match.
pub(crate) const SHARE: Param = Param::optional(
    "share",
    Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
    Some("100%"),
    "of the questions that match; each is a trial of its own, repeats too",
);

/// What is wrong with the `where` block.
pub(crate) fn check(values: &Checked) -> Vec<ValueIssue> {
    let known = |name: &String| TYPES.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let bad = values.list("type").iter().find(|name| !known(name));
    let issue = |name: &String| ValueIssue {
        code: "F030",
        key: "type".to_owned(),
        at_key: false,
        message: format!("{name} is no record type known here"),
        label: "not a record type".to_owned(),
        help: Some(TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
        other: None,
    };
    bad.map(issue).into_iter().collect()
}

/// The worst case, with what happens to a question (`are answered with NXDOMAIN`).
pub(crate) fn bound(values: &Checked, happens: &str) -> Bound {
    let name = values.text("name").map(|name| format!(" for {name}")).unwrap_or_default();
    let all = values.share("share") >= 1.0;
    let share = values.printed("share").unwrap_or_default();
    let whom = if all { "questions".to_owned() } else { format!("{share} of questions") };
    // Whether work fails without the right answer is up to the target; assume all of it does.
    let hurt = (values.share("share") * 1000.0).ceil().min(1000.0);
    Bound { text: format!("{whom}{name} {happens}"), per_mille_hurt: hurt as u32 }
}

#[cfg(feature = "effects")]
fn types(values: &Checked) -> Vec<u16> {
    let number = |name: &String| TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    values.list("type").iter().filter_map(number).map(|(_, number)| *number).collect()
}
