//! What the faults of the family `tls` have in common: how handshakes are chosen, and how a fault
//! on them lives. Each fault is a folder of the catalog.

#[cfg(feature = "effects")]
pub(crate) mod effect;

use crate::fault::{Bound, Death, Kind, Need, Param, ValueIssue};
use crate::mechanism::Mechanism;
use crate::values::Checked;
use squall_wire::target::Target;
use std::net::SocketAddr;

/// People reach the host by it.
const PORT_SSH: u16 = 22;
/// What a target calls over TLS unless the file says otherwise.
#[cfg(feature = "effects")]
const PORT_HTTPS: u16 = 443;

/// How all of them act and end.
pub(crate) const MECHANISM: Mechanism = Mechanism {
    family: "tls",
    death: Death::KernelLink,
    acts: "an in-memory proxy reads the client's hello; connections reach it by a kernel-held redirect",
    ends: "when its holder ends: kill -9 included; then new connections go straight",
    spares: "what does not match and what is no TLS, byte for byte; the agent, ssh; open connections",
    needs: &[
        Need::Root,
        Need::Cgroup2,
        Need::BpfCgroupRedirect,
        Need::BpfSkLookup,
        Need::SockDestroy,
    ],
};
/// Only one of them can answer a handshake.
pub(crate) const CONFLICTS: &[&str] =
    &["tls.alert", "tls.alpn", "tls.certificate", "tls.close", "tls.corrupt", "tls.stall"];

/// The `where` block.
pub(crate) const FILTERS: &[Param] = &[
    Param::optional(
        "sni",
        Kind::Glob,
        None,
        "only handshakes for this server name; * stands for any text",
    ),
    Param::optional(
        "direction",
        Kind::Word(&["out", "in"]),
        Some("out"),
        "handshakes the target begins as a client, or answers as a server",
    ),
    Param::optional(
        "port",
        Kind::Port,
        None,
        "only this port; otherwise 443 for out, every listening one for in",
    ),
    Param::optional("to", Kind::Cidr, None, "only connections to these addresses, for out"),
];

/// How many of the handshakes that match.
pub(crate) const SHARE: Param = Param::optional(
    "share",
    Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
    Some("100%"),
    "of the handshakes that match",
);

/// What happens to connections from before.
pub(crate) const EXISTING: Param = Param::optional(
    "existing",
    Kind::Word(&["keep", "reset"]),
    Some("keep"),
    "connections open before go on untouched, or are reset once so that they come again",
);

/// A CA that clients trust.
pub(crate) const AUTHORITY: Param = Param::optional(
    "authority",
    Kind::Path,
    None,
    "a PEM file on the target's host, of root's alone: the certificate and the key of a test \
           CA that clients trust, so that nothing else is wrong",
);

/// What is wrong with the values that all these faults have.
pub(crate) fn check(values: &Checked) -> Vec<ValueIssue> {
    let mut issues = Vec::new();
    if values.port("port") == Some(PORT_SSH) {
        issues.push(ValueIssue {
            code: "F020",
            key: "port".to_owned(),
            at_key: false,
            message: "port 22 is management traffic".to_owned(),
            label: "never redirected".to_owned(),
            help: Some("choose a port that speaks TLS".to_owned()),
            other: None,
        });
    }
    if values.word("direction") == "in" && values.has("to") {
        issues.push(ValueIssue {
            code: "F033",
            key: "to".to_owned(),
            at_key: true,
            message: "\"to\" says whom the target calls, but \"direction\" is in".to_owned(),
            label: "has no meaning here".to_owned(),
            help: Some("direction: out, or leave \"to\" away".to_owned()),
            other: Some(("direction".to_owned(), "the other way".to_owned())),
        });
    }
    issues
}

/// The worst case, with what happens to a handshake (`end with an alert`).
pub(crate) fn bound(values: &Checked, happens: &str) -> Bound {
    let name = values.text("sni").map(|name| format!(" for {name}")).unwrap_or_default();
    let all = values.share("share") >= 1.0;
    let share = values.printed("share").unwrap_or_default();
    let whom = if all { "new TLS handshakes" } else { "of new TLS handshakes" };
    let whom = if all { whom.to_owned() } else { format!("{share} {whom}") };
    // Whether work fails without the connection is up to the target; assume all of it does.
    let hurt = (values.share("share") * 1000.0).ceil().min(1000.0);
    Bound { text: format!("{whom}{name} {happens}"), per_mille_hurt: hurt as u32 }
}

/// Why a fault cannot act on a target.
pub(crate) fn fits(values: &Checked, target: &Target) -> Result<(), String> {
    if values.word("direction") == "in" && listening(values, target).is_empty() {
        return Err(match values.port("port") {
            Some(port) => format!("{} does not listen on port {port}", target.name),
            None => format!("{} listens on no TCP port", target.name),
        });
    }
    Ok(())
}

/// The addresses of the target whose connections are redirected.
fn listening(values: &Checked, target: &Target) -> Vec<SocketAddr> {
    let port = values.port("port");
    let chosen = target.listening.iter().filter(|address| {
        address.port() != PORT_SSH && port.is_none_or(|port| port == address.port())
    });
    chosen.copied().collect()
}

/// The port of the servers that the target calls.
#[cfg(feature = "effects")]
fn port_out(values: &Checked) -> u16 {
    values.port("port").unwrap_or(PORT_HTTPS)
}
