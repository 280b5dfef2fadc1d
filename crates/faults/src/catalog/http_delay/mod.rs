//! `http.delay`: requests or replies are late.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::values::Checked;
use squall_wire::target::Target;

/// The fault.
pub static FAULT: &dyn Fault = &HttpDelay;

struct HttpDelay;

/// People reach the host by it.
const PORT_SSH: u16 = 22;

static DESCRIPTION: Description = Description {
    name: "http.delay",
    family: "http, grpc",
    summary: "requests or replies are late",
    death: Death::KernelLink,
    params: &[
        Param {
            name: "mean",
            kind: Kind::Duration { min: "0s", max: "60s" },
            default: None,
            required: true,
            help: "how late",
        },
        Param {
            name: "jitter",
            kind: Kind::Duration { min: "0s", max: "60s" },
            default: Some("0s"),
            required: false,
            help: "at most the mean; uniform around it",
        },
        Param {
            name: "share",
            kind: Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
            default: Some("100%"),
            required: false,
            help: "of the requests that match",
        },
        Param {
            name: "side",
            kind: Kind::Word(&["request", "response"]),
            default: Some("request"),
            required: false,
            help: "before the service sees it, or after it answered",
        },
        Param {
            name: "existing",
            kind: Kind::Word(&["keep", "reset"]),
            default: Some("keep"),
            required: false,
            help: "connections open before go on untouched, or are reset once",
        },
    ],
    filters: &[
        Param {
            name: "path",
            kind: Kind::Pattern,
            default: None,
            required: false,
            help: "only requests for this path; * stands for any text",
        },
        Param {
            name: "method",
            kind: Kind::Name,
            default: None,
            required: false,
            help: "only requests of this method",
        },
        Param {
            name: "header",
            kind: Kind::Pair,
            default: None,
            required: false,
            help: "chosen requests only, for example baggage",
        },
        Param {
            name: "port",
            kind: Kind::Port,
            default: None,
            required: false,
            help: "only this port of the target; every listening one otherwise",
        },
    ],
    acts: "an in-memory proxy; connections reach it by a kernel-held redirect",
    ends: "when its holder ends: kill -9 included; then new connections go straight",
    spares: "the agent, ssh; open connections unless existing: reset",
    hit_word: "request delayed",
    tolerance: Tolerance::Own,
    conflicts: &["http.delay"],
    needs: &[Need::Root, Need::BpfSkLookup, Need::SockDestroy],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for HttpDelay {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        let mut issues = Vec::new();
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        if jitter > mean {
            let below = squall_spec::units::Duration::from_nanos(
                u64::try_from((jitter - mean).as_nanos()).unwrap_or(u64::MAX),
            );
            let mean = values.printed("mean").unwrap_or_default();
            issues.push(ValueIssue {
                code: "F012",
                key: "jitter".to_owned(),
                at_key: true,
                message: "jitter is larger than the mean".to_owned(),
                label: format!("a delay of \u{2212}{} is not possible", spaced(&below.to_string())),
                help: Some(format!("jitter: {mean} at most")),
                other: Some(("mean".to_owned(), "the mean".to_owned())),
            });
        }
        if values.port("port") == Some(PORT_SSH) {
            issues.push(ValueIssue {
                code: "F020",
                key: "port".to_owned(),
                at_key: false,
                message: "port 22 is management traffic".to_owned(),
                label: "never delayed".to_owned(),
                help: Some("choose a port the service answers HTTP on".to_owned()),
                other: None,
            });
        }
        issues
    }

    fn bound(&self, values: &Checked) -> Bound {
        let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
        let print = |time: std::time::Duration| {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            spaced(&squall_spec::units::Duration::from_nanos(nanos).to_string())
        };
        let late = if jitter.is_zero() {
            print(mean)
        } else {
            format!("{} to {}", print(mean.saturating_sub(jitter)), print(mean + jitter))
        };
        let whom = match values.printed("share") {
            Some("100%") | None => "every matching request is".to_owned(),
            Some(share) => format!("{share} of matching requests are"),
        };
        // A late answer is a failed one for a client that has given up; assume all have.
        let hurt = (values.share("share") * 1000.0).ceil();
        Bound { text: format!("{whom} {late} late"), per_mille_hurt: hurt.min(1000.0) as u32 }
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        if addresses(values, target).is_empty() {
            return Err(match values.port("port") {
                Some(port) => format!("{} does not listen on port {port}", target.name),
                None => format!("{} listens on no TCP port", target.name),
            });
        }
        Ok(())
    }
}

/// The addresses of the target whose connections are redirected.
fn addresses(values: &Checked, target: &Target) -> Vec<std::net::SocketAddr> {
    let port = values.port("port");
    let chosen = target.listening.iter().filter(|address| {
        address.port() != PORT_SSH && port.is_none_or(|port| port == address.port())
    });
    chosen.copied().collect()
}

/// `100ms` as people read it: `100 ms`.
fn spaced(duration: &str) -> String {
    let at = duration.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(duration.len());
    let (number, unit) = duration.split_at(at);
    // `1h30m` has several units and stays as it is.
    if unit.contains(|c: char| c.is_ascii_digit()) {
        return duration.to_owned();
    }
    format!("{number} {unit}")
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
    }
}
