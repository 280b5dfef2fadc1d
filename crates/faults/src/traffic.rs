//! Which traffic a fault on sockets and packets is about: the `where` block they share, and what
//! they say of it.

use crate::fault::{Kind, Param, ValueIssue};
use crate::values::Checked;
use std::net::SocketAddr;

/// People reach the host by it, and from it the next one.
const PORT_SSH: u16 = 22;

/// `port`, on either end.
pub(crate) const PORT: Param =
    Param::optional("port", Kind::Ports, None, "only traffic of these ports, on either end");

/// `peer`, the addresses of the other end.
pub(crate) const PEER: Param =
    Param::optional("peer", Kind::Cidrs, None, "only traffic with these addresses");

/// `protocol`.
pub(crate) const PROTOCOL: Param = Param::optional(
    "protocol",
    Kind::Word(&["any", "tcp", "udp"]),
    Some("any"),
    "any is all of IP",
);

/// `endpoint`, the other end exactly: addresses with their ports.
pub(crate) const ENDPOINT: Param = Param::optional(
    "endpoint",
    Kind::Endpoints,
    None,
    "only traffic with these, the other end's address and port; instead of peer",
);

/// `service`, the other end by its name: a plan turns it into endpoints.
pub(crate) const SERVICE: Param = Param::optional(
    "service",
    Kind::Service,
    None,
    "only traffic with the instances of this service, as the plan finds them",
);

/// What most faults on packets filter by.
pub(crate) const FILTERS: &[Param] = &[PORT, PEER, PROTOCOL, ENDPOINT, SERVICE];

/// `share`, for faults whose choice is by chance.
pub(crate) const SHARE: Param = Param::required(
    "share",
    Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
    "of the packets that match",
);

/// `correlation`: hits come in bursts, the share stays.
pub(crate) const CORRELATION: Param = Param::optional(
    "correlation",
    Kind::Share { min_percent: 0.0, max_percent: 99.0 },
    Some("0%"),
    "how much one packet's fate follows the last one's; the share stays",
);

/// Which way the packets go, seen from the target.
pub(crate) const DIRECTION: Param = Param::optional(
    "direction",
    Kind::Word(&["out", "in", "both"]),
    Some("out"),
    "packets that leave the target, that arrive at it, or both",
);

/// As many ports, and as many ranges, as a program compares.
pub(crate) const ITEMS_MAX: usize = 8;
/// As many endpoints: a service has a few instances, each with a few ports and addresses.
pub(crate) const ENDPOINTS_MAX: usize = 32;

/// Refuses to hurt management traffic by name (programs and lists leave it out all the same),
/// lists that are too long, and two ways to name the other end at once.
pub(crate) fn check(values: &Checked) -> Vec<ValueIssue> {
    let mut issues = Vec::new();
    if values.ports("port").contains(&PORT_SSH) {
        issues.push(management("port"));
    }
    let is_ssh = |endpoint: &SocketAddr| endpoint.port() == PORT_SSH;
    if values.endpoints("endpoint").iter().any(is_ssh) {
        issues.push(management("endpoint"));
    }
    let lists = [("port", ITEMS_MAX), ("peer", ITEMS_MAX), ("to", ITEMS_MAX)];
    for (key, most) in lists.into_iter().chain([("endpoint", ENDPOINTS_MAX)]) {
        let items = values.list(key).len();
        if items > most {
            issues.push(ValueIssue {
                code: "F021",
                key: key.to_owned(),
                at_key: false,
                message: format!("{items} of {key:?} are more than can be compared"),
                label: format!("at most {most}"),
                help: Some("leave it out for all, or use wider ranges".to_owned()),
                other: None,
            });
        }
    }
    let ends = ["service", "endpoint", "peer", "to"].into_iter().filter(|key| values.has(key));
    if let [first, second, ..] = ends.collect::<Vec<_>>()[..] {
        issues.push(ValueIssue {
            code: "F022",
            key: second.to_owned(),
            at_key: true,
            message: format!("{second:?} names the other end a second time"),
            label: "the other end is named here".to_owned(),
            help: Some(format!("write {first:?} or {second:?}")),
            other: Some((first.to_owned(), "and here".to_owned())),
        });
    }
    issues
}

fn management(key: &str) -> ValueIssue {
    ValueIssue {
        code: "F020",
        key: key.to_owned(),
        at_key: false,
        message: "port 22 is management traffic".to_owned(),
        label: "never touched".to_owned(),
        help: Some("choose the port of a service".to_owned()),
        other: None,
    }
}

/// The traffic in words: `TCP packets of port 8080 with 10.0.0.0/8`.
pub(crate) fn chosen(what: &str, values: &Checked) -> String {
    let mut text = match values.text("protocol") {
        None | Some("any") => what.to_owned(),
        Some(protocol) => format!("{} {what}", protocol.to_uppercase()),
    };
    if let Some(port) = values.printed("port") {
        text = format!("{text} of port {port}");
    }
    match other_end(values) {
        Some(other) => format!("{text} with {other}"),
        None => text,
    }
}

/// The other end in words, where one is named: `10.0.0.0/8`, `service payment`.
pub(crate) fn other_end(values: &Checked) -> Option<String> {
    let service = values.printed("service").map(|service| format!("service {service}"));
    let named = ["endpoint", "peer", "to"].into_iter().find_map(|key| values.printed(key));
    service.or_else(|| named.map(str::to_owned))
}

/// A share in thousandths, rounded up: what the error budget has to stand.
pub(crate) fn per_mille(share: f64) -> u32 {
    (share * 1000.0).ceil().clamp(0.0, 1000.0) as u32
}
