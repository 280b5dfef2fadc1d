//! `net.reset`: open connections of the target are reset.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::traffic::{self, ENDPOINT, PEER, PORT, SERVICE};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &NetReset;

struct NetReset;

static DESCRIPTION: Description = Description {
    name: "net.reset",
    family: "network",
    summary: "open connections are reset (ECONNRESET)",
    death: Death::Holder,
    params: &[Param::optional(
        "every",
        Kind::Duration { min: "0s", max: "1h" },
        Some("0s"),
        "0s: once; else again after this long, while it is held",
    )],
    filters: &[
        Param { help: "only connections with these ports, on either end", ..PORT },
        Param { help: "only connections with these addresses", ..PEER },
        ENDPOINT,
        SERVICE,
    ],
    acts: "ends the other end where it is local (sock_diag), else disconnects the target's socket",
    ends: "with its holder; connections that were reset stay so, new ones work",
    spares: "ssh; connections of every process that is not the target or its child",
    hit_word: "connection reset",
    tolerance: Tolerance::Own,
    conflicts: &["net.reset"],
    needs: &[Need::Root, Need::SockDestroy],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for NetReset {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        traffic::check(values)
    }

    fn bound(&self, values: &Checked) -> Bound {
        let chosen = traffic::chosen("open connections", values);
        let text = match values.printed("every") {
            None | Some("0s") => format!("{chosen} are reset once"),
            Some(every) => format!("{chosen} are reset every {every}"),
        };
        Bound { text, per_mille_hurt: 1_000 }
    }
}
