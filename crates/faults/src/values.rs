//! Checks the values of a `with` or `where` block against a fault's description.

mod kind;
mod nearest;
pub(crate) mod parse;

use crate::fault::{Fault, Kind, Param, ValueIssue};
use squall_spec::units::ByteRate;
use squall_wire::injection::Values;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Values that were checked, with defaults filled in. Typed readers panic only on a key or kind
/// that the fault's own description does not have: a bug in the fault, found by its tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    values: BTreeMap<&'static str, Value>,
}

/// One checked value with the text that reads back to it.
#[derive(Debug, Clone, PartialEq)]
struct Value {
    typed: Typed,
    text: String,
}

/// One checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// A length of time.
    Duration(Duration),
    /// A share, 0 to 1.
    Share(f64),
    /// A whole number, a port included.
    Integer(i64),
    /// A number of bytes.
    Bytes(u64),
    /// Data over time.
    ByteRate(ByteRate),
    /// Several texts, as a list has them.
    List(Vec<String>),
    /// Everything else.
    Text(String),
}

/// Checks both blocks of one use of a fault and fills in defaults. Every issue at once.
///
/// # Errors
/// All that is wrong, keys of `with` first.
pub fn check(
    fault: &dyn Fault,
    with: &Values,
    filters: &Values,
) -> Result<Checked, Vec<ValueIssue>> {
    let described = fault.describe();
    let mut checked = Checked::default();
    let mut issues = Vec::new();
    block("with", described.params, with, &mut checked, &mut issues);
    block("where", described.filters, filters, &mut checked, &mut issues);
    // A check over several values needs them all to be readable.
    if issues.is_empty() {
        issues = fault.check(&checked);
    }
    if issues.is_empty() { Ok(checked) } else { Err(issues) }
}

/// As [`check`], for what acts: a name that only a plan can turn into addresses is refused. Taken
/// as it is, it would stand for everybody.
///
/// # Errors
/// As [`check`].
pub fn check_resolved(
    fault: &dyn Fault,
    with: &Values,
    filters: &Values,
) -> Result<Checked, Vec<ValueIssue>> {
    let checked = check(fault, with, filters)?;
    let named = |param: &&Param| matches!(param.kind, Kind::Service) && checked.has(param.name);
    let Some(param) = fault.describe().filters.iter().find(named) else { return Ok(checked) };
    let name = checked.printed(param.name).unwrap_or_default();
    Err(vec![ValueIssue {
        code: "F023",
        key: param.name.to_owned(),
        at_key: false,
        message: format!("{:?} is {name:?}, which has no addresses here", param.name),
        label: "only a plan knows them".to_owned(),
        help: Some("name the other end by its endpoint, or let squall run plan it".to_owned()),
        other: None,
    }])
}

fn block(
    name: &str,
    params: &'static [Param],
    given: &Values,
    checked: &mut Checked,
    issues: &mut Vec<ValueIssue>,
) {
    for key in given.keys().filter(|key| !params.iter().any(|param| param.name == **key)) {
        issues.push(unknown(name, key, params));
    }
    for param in params {
        let Some(text) = given.get(param.name).map(String::as_str).or(param.default) else {
            if param.required {
                issues.push(missing(name, param));
            }
            continue;
        };
        match parse::value(param, text) {
            Ok((typed, text)) => {
                checked.values.insert(param.name, Value { typed, text });
            }
            Err(issue) => issues.push(*issue),
        }
    }
}

fn unknown(block: &str, key: &str, params: &[Param]) -> ValueIssue {
    let names: Vec<_> = params.iter().map(|param| param.name).collect();
    let near = nearest::nearest(key, &names);
    let label = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "not a key of this fault".to_owned(),
    };
    let help = if names.is_empty() {
        format!("this fault takes nothing in {block:?}")
    } else {
        format!("keys of {block:?} here are {}", names.join(", "))
    };
    ValueIssue {
        code: "F001",
        key: key.to_owned(),
        at_key: true,
        message: format!("unknown key {key:?}"),
        label,
        help: Some(help),
        other: None,
    }
}

fn missing(block: &str, param: &Param) -> ValueIssue {
    ValueIssue {
        code: "F002",
        key: param.name.to_owned(),
        at_key: true,
        message: format!("{:?} is missing in {block:?}", param.name),
        label: format!("this fault needs {:?}", param.name),
        help: Some(format!("{}: {} ({})", param.name, param.kind.sample(), param.help)),
        other: None,
    }
}

impl Checked {
    /// Returns whether a value was given or has a default.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Returns a length of time.
    pub fn duration(&self, key: &str) -> Duration {
        match self.typed(key) {
            Some(Typed::Duration(duration)) => *duration,
            other => no_such(key, "duration", other),
        }
    }

    /// Returns a share from 0 to 1.
    pub fn share(&self, key: &str) -> f64 {
        match self.typed(key) {
            Some(Typed::Share(share)) => *share,
            other => no_such(key, "share", other),
        }
    }

    /// Returns a whole number that has a default or is required.
    pub fn integer(&self, key: &str) -> i64 {
        match self.typed(key) {
            Some(Typed::Integer(integer)) => *integer,
            other => no_such(key, "integer", other),
        }
    }

    /// Returns a port, where one was given.
    pub fn port(&self, key: &str) -> Option<u16> {
        match self.typed(key) {
            None => None,
            Some(Typed::Integer(port)) => u16::try_from(*port).ok(),
            other => no_such(key, "port", other),
        }
    }

    /// Returns a word that has a default or is required.
    pub fn word(&self, key: &str) -> &str {
        self.text(key).unwrap_or_else(|| no_such(key, "word", None))
    }

    /// Returns a text, where one was given: a word, a pattern, a pair, a range or a name.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.typed(key) {
            None => None,
            Some(Typed::Text(text)) => Some(text),
            other => no_such(key, "text", other),
        }
    }

    /// Returns a number of bytes, where one was given.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        match self.typed(key) {
            None => None,
            Some(Typed::Bytes(bytes)) => Some(*bytes),
            other => no_such(key, "number of bytes", other),
        }
    }

    /// Returns data over time, where it was given.
    pub fn byte_rate(&self, key: &str) -> Option<ByteRate> {
        match self.typed(key) {
            None => None,
            Some(Typed::ByteRate(rate)) => Some(*rate),
            other => no_such(key, "rate of data", other),
        }
    }

    /// Returns the names, ports or ranges of a list; none where it was not given.
    pub fn list(&self, key: &str) -> &[String] {
        match self.typed(key) {
            None => &[],
            Some(Typed::List(items)) => items,
            other => no_such(key, "list", other),
        }
    }

    /// Returns the ports of a list; none where it was not given.
    pub fn ports(&self, key: &str) -> Vec<u16> {
        self.list(key).iter().filter_map(|port| port.parse().ok()).collect()
    }

    /// Returns the endpoints of a list; none where it was not given.
    pub fn endpoints(&self, key: &str) -> Vec<SocketAddr> {
        self.list(key).iter().filter_map(|endpoint| endpoint.parse().ok()).collect()
    }

    /// Returns a path pattern, where one was given.
    pub fn pattern(&self, key: &str) -> Option<&str> {
        self.text(key)
    }

    /// Returns the text of one value as a file would have it.
    pub fn printed(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|value| value.text.as_str())
    }

    /// Returns the values of a block as a file would have them, defaults included.
    pub fn print(&self, params: &[Param]) -> Values {
        let text = |param: &Param| Some((param.name.to_owned(), self.printed(param.name)?.into()));
        params.iter().filter_map(text).collect()
    }

    fn typed(&self, key: &str) -> Option<&Typed> {
        self.values.get(key).map(|value| &value.typed)
    }
}

fn no_such(key: &str, kind: &str, found: Option<&Typed>) -> ! {
    panic!("invariant: the fault describes {key:?} as a {kind}, found {found:?}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::dose::Tolerance;
    use crate::fault::{Bound, Death, Description};

    struct Sample;

    const PARAMS: &[Param] = &[
        Param::required("mean", Kind::Duration { min: "0", max: "60s" }, "how late"),
        Param::optional(
            "share",
            Kind::Share { min_percent: 1.0, max_percent: 100.0 },
            Some("100%"),
            "how many",
        ),
        Param::optional("cores", Kind::Integer { min: 1, max: 8 }, Some("1"), "cores"),
        Param::optional("side", Kind::Word(&["request", "response"]), Some("request"), "side"),
    ];
    const FILTERS: &[Param] = &[
        filter("path", Kind::Pattern),
        filter("header", Kind::Pair),
        filter("port", Kind::Port),
        filter("to", Kind::Cidr),
        filter("method", Kind::Name),
        filter("size", Kind::Bytes { min: "1KiB", max: "1GiB" }),
        filter("speed", Kind::ByteRate { min: "1kbit/s", max: "1GiB/s" }),
        filter("body", Kind::Text { bytes_max: 8 }),
        filter("host", Kind::Glob),
        filter("folder", Kind::Path),
        filter("ports", Kind::Ports),
        filter("ranges", Kind::Cidrs),
        filter("names", Kind::Names),
        filter("endpoint", Kind::Endpoints),
        filter("service", Kind::Service),
    ];

    const fn filter(name: &'static str, kind: Kind) -> Param {
        Param { name, kind, default: None, required: false, help: "filter" }
    }

    static DESCRIPTION: Description = Description {
        name: "sample",
        family: "sample",
        summary: "does nothing",
        death: Death::OneShot,
        params: PARAMS,
        filters: FILTERS,
        acts: "",
        ends: "",
        spares: "",
        hit_word: "hit",
        tolerance: Tolerance::Own,
        conflicts: &[],
        needs: &[],
        example: "",
        cases: "",
    };

    impl Fault for Sample {
        fn describe(&self) -> &'static Description {
            &DESCRIPTION
        }

        fn bound(&self, _: &Checked) -> Bound {
            Bound { text: String::new(), per_mille_hurt: 0 }
        }
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    /// Issues as `code key: message | label | help`.
    fn issues(with: &[(&str, &str)], filters: &[(&str, &str)]) -> Vec<String> {
        let line = |issue: &ValueIssue| {
            let help = issue.help.as_deref().unwrap_or("-");
            format!("{} {}: {} | {} | {help}", issue.code, issue.key, issue.message, issue.label)
        };
        match super::check(&Sample, &values(with), &values(filters)) {
            Ok(_) => Vec::new(),
            Err(issues) => issues.iter().map(line).collect(),
        }
    }

    #[test]
    fn defaults_are_filled_in_and_values_are_typed() {
        let checked =
            super::check(&Sample, &values(&[("mean", "1.5s")]), &values(&[("port", "80")]));
        let checked = checked.unwrap();
        assert_eq!(checked.duration("mean"), Duration::from_millis(1500));
        assert_eq!(checked.share("share"), 1.0);
        assert_eq!(checked.integer("cores"), 1);
        assert_eq!(checked.word("side"), "request");
        assert_eq!(checked.port("port"), Some(80));
        assert_eq!(checked.text("path"), None);
    }

    #[test]
    fn what_is_printed_reads_back_to_the_same() {
        let with = values(&[("mean", "1500ms"), ("share", "33.3%"), ("side", "response")]);
        let filters = values(&[
            ("path", "/api/*"),
            ("header", "X-A=b c"),
            ("to", "10.1.2.3/8"),
            ("method", "GET"),
            ("size", "1.5 MiB"),
            ("speed", "2.5Mbit/s"),
            ("body", "{\"a\":1}"),
            ("host", "*.shop.example"),
            ("folder", "/var/tmp"),
            ("ports", "80, 443"),
            ("ranges", "10.0.0.0/8,::1"),
            ("names", "GET,POST"),
        ]);
        let first = super::check(&Sample, &with, &filters).unwrap();
        let again = super::check(&Sample, &first.print(PARAMS), &first.print(FILTERS)).unwrap();
        assert_eq!(first, again);
        assert_eq!(first.printed("mean"), Some("1.5s"));
    }

    #[test]
    fn sizes_rates_and_lists_are_typed() {
        let filters = values(&[("size", "64MiB"), ("speed", "1Mbit/s"), ("ports", "80, 443")]);
        let checked = super::check(&Sample, &values(&[("mean", "1s")]), &filters).unwrap();
        assert_eq!(checked.bytes("size"), Some(64 << 20));
        assert_eq!(checked.byte_rate("speed").unwrap().bytes_per_second(), 125_000.0);
        assert_eq!(checked.ports("ports"), [80, 443]);
        assert_eq!(checked.printed("ports"), Some("80,443"));
        assert!(checked.list("names").is_empty() && checked.bytes("none").is_none());
    }

    #[test]
    fn sizes_rates_texts_and_lists_of_the_wrong_kind_are_named() {
        let lists = [("ports", "80,,443"), ("ranges", "10.0.0.0/8, x"), ("names", "a b")];
        let others = [
            ("size", "64"),
            ("speed", "10MiB"),
            ("body", "123456789"),
            ("host", "a b"),
            ("folder", "/var/../etc"),
        ];
        assert_eq!(
            issues(&[("mean", "1s")], &[&others[..], &lists[..]].concat()),
            [
                "F003 size: 64 has no unit | not a size | size: 64MiB",
                "F003 speed: 10MiB is not a rate of data such as 10MiB/s or 1Mbit/s | not a rate \
                 of data | speed: 10MiB/s",
                "F004 body: 9 bytes are too long | at most 8 bytes are allowed | body: text",
                "F003 host: a b is not a name with * for any text | not a name pattern | host: \
                 *.example.com",
                "F003 folder: /var/../etc is not a path from the root without .. | not a path | \
                 folder: /var/tmp",
                "F003 ports: \"\" is not a port from 1 to 65535 | not a list of ports | ports: \
                 80,443",
                "F003 ranges: \"x\" is not an address or a range of addresses | not a list of \
                 ranges | ranges: 10.0.0.0/8,::1",
                "F003 names: \"a b\" is not a name: letters, digits, - and _ | not a list of \
                 names | names: GET,POST",
            ]
        );
        assert_eq!(
            issues(&[("mean", "1s")], &[("size", "2GiB"), ("speed", "1bit/s")]),
            [
                "F004 size: 2GiB is out of range | 1KiB to 1GiB is allowed | size: 64MiB",
                "F004 speed: 1bit/s is out of range | 1kbit/s to 1GiB/s is allowed | speed: \
                 10MiB/s",
            ]
        );
    }

    #[test]
    fn what_acts_takes_endpoints_and_refuses_a_name() {
        let with = values(&[("mean", "1s")]);
        let named = values(&[("service", "payment")]);
        assert!(super::check(&Sample, &with, &named).is_ok());
        let issues = check_resolved(&Sample, &with, &named).unwrap_err();
        assert_eq!((issues[0].code, issues[0].key.as_str()), ("F023", "service"));
        let resolved = values(&[("endpoint", "10.0.0.7:8083, [::1]:80")]);
        let checked = check_resolved(&Sample, &with, &resolved).unwrap();
        assert_eq!(checked.printed("endpoint"), Some("10.0.0.7:8083,[::1]:80"));
        assert_eq!(checked.endpoints("endpoint").len(), 2);
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert_eq!(
            issues(&[("mena", "1s"), ("mean", "1s")], &[("zebra", "1")]),
            [
                "F001 mena: unknown key \"mena\" | did you mean \"mean\"? | keys of \"with\" here \
                 are mean, share, cores, side",
                "F001 zebra: unknown key \"zebra\" | not a key of this fault | keys of \"where\" \
                 here are path, header, port, to, method, size, speed, body, host, folder, \
                 ports, ranges, names, endpoint, service",
            ]
        );
    }

    #[test]
    fn a_missing_value_shows_one_that_would_do() {
        assert_eq!(
            issues(&[], &[]),
            ["F002 mean: \"mean\" is missing in \"with\" | this fault needs \"mean\" | mean: \
              250ms (how late)"]
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_all_named() {
        assert_eq!(
            issues(
                &[("mean", "300"), ("share", "0.5"), ("cores", "two"), ("side", "requst")],
                &[
                    ("path", "api"),
                    ("header", "x"),
                    ("port", "0"),
                    ("to", "10.0/8"),
                    ("method", "G T")
                ],
            ),
            [
                "F003 mean: 300 has no unit | not a duration | mean: 250ms",
                "F003 share: 0.5 has no unit | not a percent | share: 100%",
                "F003 cores: two is not a whole number | not a number | cores: 1",
                "F003 side: requst is none of request, response | did you mean \"request\"? | \
                 side: request",
                "F003 path: api is not a path: it begins with / or * | not a pattern | path: \
                 /api/*",
                "F003 header: x is not name=text | not a name=text | header: x-tenant=blue",
                "F003 port: 0 is not a port from 1 to 65535 | not a port | port: 8080",
                "F003 to: 10.0/8 is not an address or a range of addresses | not a range | to: \
                 10.0.0.0/8",
                "F003 method: G T is not a name: letters, digits, - and _ | not a name | method: \
                 POST",
            ]
        );
    }

    #[test]
    fn values_out_of_range_are_named_with_the_range() {
        assert_eq!(
            issues(&[("mean", "61s"), ("share", "0.5%"), ("cores", "9")], &[]),
            [
                "F004 mean: 61s is out of range | 0 to 60s is allowed | mean: 250ms",
                "F004 share: 0.5% is out of range | 1 to 100% is allowed | share: 100%",
                "F004 cores: 9 is out of range | 1 to 8 is allowed | cores: 1",
            ]
        );
    }
}
