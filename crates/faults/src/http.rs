//! What the faults of the families `http` and `grpc` have in common: which requests they are about,
//! and how a fault on them lives. Each fault is a folder of the catalog.

#[cfg(feature = "effects")]
pub(crate) mod effect;

use crate::fault::{Bound, Death, Kind, Need, Param, ValueIssue};
use crate::mechanism::Mechanism;
use crate::values::Checked;
use squall_wire::target::Target;
use std::net::SocketAddr;

/// How all of them act and end.
pub(crate) const MECHANISM: Mechanism = Mechanism {
    family: "http, grpc",
    death: Death::KernelLink,
    acts: "an in-memory proxy; connections reach it by a kernel-held redirect",
    ends: "when its holder ends: kill -9 included; then new connections go straight",
    spares: "the agent, ssh; open connections unless existing: reset",
    needs: &[Need::Root, Need::BpfSkLookup, Need::SockDestroy],
};

/// People reach the host by it.
const PORT_SSH: u16 = 22;
/// Headers that frame a message or steer its connection. The proxy refuses them as well.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `share`: how many of the requests that match.
pub(crate) const SHARE: Param = Param::optional(
    "share",
    Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
    Some("100%"),
    "of the requests that match",
);

/// `by`: what decides which requests are in the share.
pub(crate) const BY: Param = Param::optional(
    "by",
    Kind::Name,
    None,
    "a header with an id that decides, so that repeats are hurt again; chance otherwise",
);

const fn side(default: &'static str) -> Param {
    Param::optional(
        "side",
        Kind::Word(&["request", "response"]),
        Some(default),
        "before the service sees it, or after it answered",
    )
}

/// `side`, for what usually happens before the service is asked.
pub(crate) const SIDE: Param = side("request");
/// `side`, for what usually happens to the answer.
pub(crate) const SIDE_RESPONSE: Param = side("response");

/// `direction`: whose requests.
pub(crate) const DIRECTION: Param = Param::optional(
    "direction",
    Kind::Word(&["in", "out"]),
    Some("in"),
    "requests to the target, or those that the target makes",
);

/// `existing`: what happens to connections that are open already.
pub(crate) const EXISTING: Param = Param::optional(
    "existing",
    Kind::Word(&["keep", "reset"]),
    Some("keep"),
    "connections open before go on untouched, or are reset once",
);

const PORT: Param = Param::optional(
    "port",
    Kind::Port,
    None,
    "only this port: of the target, or with direction: out of the one it calls",
);

const PEER: Param =
    Param::optional("peer", Kind::Cidr, None, "with direction: out, only calls to these addresses");

const BAGGAGE: Param = Param::optional(
    "baggage",
    Kind::Pair,
    None,
    "only requests that carry this key=value in their W3C baggage",
);

/// The `where` block of HTTP.
pub(crate) const FILTERS: &[Param] = &[
    Param::optional(
        "path",
        Kind::Pattern,
        None,
        "only requests for this path; * stands for any text",
    ),
    Param::optional("method", Kind::Name, None, "only requests of this method"),
    Param::optional("host", Kind::Glob, None, "only requests for this host; * stands for any text"),
    Param::optional(
        "header",
        Kind::Pair,
        None,
        "only requests with this header, name=value or name:start",
    ),
    BAGGAGE,
    PORT,
    PEER,
];

/// The `where` block of gRPC.
pub(crate) const GRPC_FILTERS: &[Param] = &[
    Param::optional(
        "service",
        Kind::Glob,
        None,
        "only calls of this service, with its package; * stands for any text",
    ),
    Param::optional("method", Kind::Name, None, "only calls of this method"),
    Param::optional(
        "metadata",
        Kind::Pair,
        None,
        "only calls with this metadata, name=value or name:start",
    ),
    BAGGAGE,
    PORT,
    PEER,
];

/// What is wrong with values that several of these faults take.
pub(crate) fn check(values: &Checked) -> Vec<ValueIssue> {
    let mut issues = Vec::new();
    let issue = |code, key: &str, message: &str, label: &str, help: &str| ValueIssue {
        code,
        key: key.to_owned(),
        at_key: false,
        message: message.to_owned(),
        label: label.to_owned(),
        help: Some(help.to_owned()),
        other: None,
    };
    if values.port("port") == Some(PORT_SSH) {
        let help = "choose a port the service answers HTTP on";
        issues.push(issue("F020", "port", "port 22 is management traffic", "never hurt", help));
    }
    if values.text("peer").is_some() && !is_outbound(values) {
        let message = "peer chooses whom the target calls";
        let help = "write direction: out, or leave peer out";
        issues.push(issue("F022", "peer", message, "without direction: out", help));
    }
    issues
}

/// Refuses headers by whose change other messages than the chosen ones would break.
pub(crate) fn check_header(key: &str, name: &str) -> Option<ValueIssue> {
    let name = name.trim();
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)).then(|| ValueIssue {
        code: "F023",
        key: key.to_owned(),
        at_key: false,
        message: format!("{name} frames the message"),
        label: "changing it would break other requests".to_owned(),
        help: Some("choose a header that only its reader cares about".to_owned()),
        other: None,
    })
}

/// The worst case, with what happens to a request (`answered with 503`).
pub(crate) fn bound(values: &Checked, happens: &str) -> Bound {
    let whom = match values.printed("share") {
        Some("100%") | None => "every matching request is".to_owned(),
        Some(share) => format!("{share} of matching requests are"),
    };
    // Whether work fails that is late or broken is up to who asked; assume all of it does.
    let hurt = (values.share("share") * 1000.0).ceil();
    Bound { text: format!("{whom} {happens}"), per_mille_hurt: hurt.min(1000.0) as u32 }
}

/// Why a fault cannot act on a target, if so.
pub(crate) fn fits(values: &Checked, target: &Target) -> Result<(), String> {
    if is_outbound(values) || !addresses(values, target).is_empty() {
        return Ok(());
    }
    Err(match values.port("port") {
        Some(port) => format!("{} does not listen on port {port}", target.name),
        None => format!("{} listens on no TCP port", target.name),
    })
}

fn is_outbound(values: &Checked) -> bool {
    values.text("direction") == Some("out")
}

/// The addresses of the target whose connections are redirected.
fn addresses(values: &Checked, target: &Target) -> Vec<SocketAddr> {
    let port = values.port("port");
    let chosen = target.listening.iter().filter(|address| {
        address.port() != PORT_SSH && port.is_none_or(|port| port == address.port())
    });
    chosen.copied().collect()
}

/// What `http.delay` and `grpc.delay` share.
pub(crate) mod delay {
    use super::{ValueIssue, bound};
    use crate::fault::{Bound, Kind, Param};
    use crate::values::Checked;
    use squall_spec::units::Duration;

    /// `mean`.
    pub(crate) const MEAN: Param =
        Param::required("mean", Kind::Duration { min: "0s", max: "60s" }, "how late");

    /// `jitter`.
    pub(crate) const JITTER: Param = Param::optional(
        "jitter",
        Kind::Duration { min: "0s", max: "60s" },
        Some("0s"),
        "at most the mean; what the distribution makes of it",
    );

    /// `distribution`.
    pub(crate) const DISTRIBUTION: Param = Param::optional(
        "distribution",
        Kind::Word(&["uniform", "normal", "exponential", "pareto"]),
        Some("uniform"),
        "mean ± jitter; jitter is the deviation; a queue's; a heavy tail (these two: no jitter)",
    );

    /// What is wrong with mean and jitter.
    pub(crate) fn check(values: &Checked) -> Vec<ValueIssue> {
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        let issue = |code, message: &str, label: String, help: String, other| ValueIssue {
            code,
            key: "jitter".to_owned(),
            at_key: true,
            message: message.to_owned(),
            label,
            help: Some(help),
            other,
        };
        if jitter > mean {
            let label = format!("a delay of \u{2212}{} is not possible", print(jitter - mean));
            let help = format!("jitter: {} at most", values.printed("mean").unwrap_or_default());
            let other = Some(("mean".to_owned(), "the mean".to_owned()));
            return vec![issue("F012", "jitter is larger than the mean", label, help, other)];
        }
        let shape = values.word("distribution");
        if !jitter.is_zero() && matches!(shape, "exponential" | "pareto") {
            let label = format!("{shape} is spread by itself");
            let help = "leave jitter out, or choose uniform or normal".to_owned();
            return vec![issue("F024", "this distribution takes no jitter", label, help, None)];
        }
        Vec::new()
    }

    /// The worst case.
    pub(crate) fn worst(values: &Checked) -> Bound {
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        let late = match values.word("distribution") {
            "uniform" if jitter.is_zero() => print(mean),
            "normal" => format!("0 s to {}", print(mean + 4 * jitter)),
            "exponential" => format!("0 s to {}", print((10 * mean).min(LONGEST))),
            "pareto" => format!("{} to {}", print(mean * 2 / 3), print((20 * mean).min(LONGEST))),
            _ => format!("{} to {}", print(mean.saturating_sub(jitter)), print(mean + jitter)),
        };
        bound(values, &format!("{late} late"))
    }

    /// No delay is longer, however it is drawn.
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(600);

    /// `100ms` as people read it: `100 ms`.
    fn print(time: std::time::Duration) -> String {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let duration = Duration::from_nanos(nanos).to_string();
        let at = duration.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(duration.len());
        let (number, unit) = duration.split_at(at);
        // `1h30m` has several units and stays as it is.
        if unit.contains(|c: char| c.is_ascii_digit()) {
            return duration;
        }
        format!("{number} {unit}")
    }
}
