//! What all faults inside a Go process have in common: they are armed in a process that has
//! registered with the agent, and the process ends them by itself when the agent falls silent.

use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param};
use crate::mechanism::Mechanism;
use crate::values::Checked;
#[cfg(feature = "effects")]
use squall_wire::injection::{Injection, Values};
use squall_wire::target::Target;

/// The fault whose probe is a person's own.
pub(crate) const OWN_PROBE: &str = "go.probe";

/// A fault that the SDK carries out.
pub(crate) struct InProcessFault {
    /// Everything a view needs.
    pub(crate) about: &'static Description,
    /// The worst it can do.
    pub(crate) bound: fn(&Checked) -> Bound,
}

/// How all of them act and end.
pub(crate) const MECHANISM: Mechanism = Mechanism {
    family: "inside Go",
    death: Death::InTarget,
    acts: "the SDK in the target does it when the agent asks over a unix socket",
    ends: "the target ends it: lease over, socket closed, agent killed, SIGTERM, ten minutes",
    spares: "processes without the SDK; requests that do not match",
    needs: &[Need::Root],
};

impl Fault for InProcessFault {
    fn describe(&self) -> &'static Description {
        self.about
    }

    fn bound(&self, values: &Checked) -> Bound {
        (self.bound)(values)
    }

    fn fits(&self, values: &Checked, target: &Target) -> Result<(), String> {
        let wanted = probe(self.about.name, values);
        if target.probes.is_empty() {
            return Err("it has not registered: start it with SQUALL_AGENT set to the SDK socket \
                        of a running agent, and call squall.Start"
                .to_owned());
        }
        if target.probes.iter().any(|known| known == wanted) {
            return Ok(());
        }
        Err(format!("no probe `{wanted}` is registered in it; it has {}", target.probes.join(", ")))
    }
}

/// The probe that a fault arms.
pub(crate) fn probe<'a>(fault: &'a str, values: &'a Checked) -> &'a str {
    if fault == OWN_PROBE { values.text("probe").unwrap_or_default() } else { fault }
}

/// What the process is told: both blocks as text, a person's own values taken apart.
#[cfg(feature = "effects")]
pub(crate) fn told(values: &Checked, injection: &Injection) -> (Values, Values) {
    let Some(entry) = crate::catalog::find(&injection.fault) else {
        return (Values::new(), Values::new());
    };
    let about = entry.fault.describe();
    if injection.fault != OWN_PROBE {
        return (values.print(about.params), values.print(about.filters));
    }
    (arguments(values.text("args").unwrap_or_default()), Values::new())
}

/// Reads `key=value,key=value`; a part without `=` is a key with an empty value.
#[cfg(feature = "effects")]
fn arguments(text: &str) -> Values {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    parts.map(pair).collect()
}

/// Of the requests that match, how many are hurt.
pub(crate) const SHARE: Param = Param::optional(
    "share",
    Kind::Share { min_percent: 0.0001, max_percent: 100.0 },
    Some("100%"),
    "of the requests that match",
);
/// A repeated request meets the same fate.
pub(crate) const REQUEST_ID: Param = Param::optional(
    "request-id",
    Kind::Name,
    None,
    "a header whose value decides who is hurt, so that repeats are hurt again",
);
/// The concurrency cap.
pub(crate) const IN_FLIGHT: Param = Param::optional(
    "in-flight",
    Kind::Integer { min: 0, max: 1_000_000 },
    Some("0"),
    "at most so many are hurt at one time; 0 is no limit",
);

/// Which requests.
pub(crate) const REQUESTS: &[Param] = &[
    Param::optional(
        "service",
        Kind::Name,
        None,
        "only where the process is registered as this service",
    ),
    Param::optional("route", Kind::Pattern, None, "only this path or gRPC method; * is any text"),
    Param::optional("method", Kind::Name, None, "only this HTTP method"),
    Param::optional("tenant", Kind::Name, None, "only this X-Tenant-ID, or baggage key tenant"),
    Param::optional("header", Kind::Pair, None, "only with this header or metadata, name=value"),
    Param::optional("baggage", Kind::Pair, None, "only with this W3C baggage key, key=value"),
];

/// Where a fault on one protocol acts.
pub(crate) const SIDE: Param = Param::optional(
    "side",
    Kind::Word(&["server", "client"]),
    Some("server"),
    "requests it serves, or requests it sends",
);
/// How late.
pub(crate) const MEAN: Param =
    Param::required("mean", Kind::Duration { min: "1ms", max: "60s" }, "how late");
/// Around the mean.
pub(crate) const JITTER: Param = Param::optional(
    "jitter",
    Kind::Duration { min: "0s", max: "60s" },
    Some("0s"),
    "at most the mean; uniform around it",
);

/// The bound of a fault that hurts a share of requests.
pub(crate) fn requests_hurt(values: &Checked, how: &str) -> Bound {
    let share = values.share("share");
    let whom = match values.printed("share") {
        Some("100%") | None => "every matching request".to_owned(),
        Some(share) => format!("{share} of matching requests"),
    };
    let per_mille_hurt = (share * 1000.0).ceil().min(1000.0) as u32;
    Bound { text: format!("{whom} {how}"), per_mille_hurt }
}

/// The bound of a fault that hurts the process as a whole: what it costs requests is what a run
/// is to find out, so the worst is assumed.
pub(crate) fn process_hurt(text: String) -> Bound {
    Bound { text, per_mille_hurt: 1000 }
}

#[cfg(all(test, feature = "effects"))]
mod tests {
    use super::*;

    #[test]
    fn a_persons_own_values_are_taken_apart() {
        let values = arguments(" what = sku, deep ,, n=1=2 ");
        let pairs: Vec<_> = values.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        assert_eq!(pairs, ["deep:", "n:1=2", "what:sku"]);
    }
}
