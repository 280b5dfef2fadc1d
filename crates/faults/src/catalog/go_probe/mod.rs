//! `go.probe`: a probe that the process registered with squall.Register is executed.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param};
use crate::inprocess::{self, InProcessFault, Own};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &InProcessFault { about: &DESCRIPTION, bound };

static DESCRIPTION: Description = inprocess::described(Own {
    name: "go.probe",
    summary: "a fault that the process brought along",
    params: &[
        Param {
            name: "probe",
            kind: Kind::Glob,
            default: None,
            required: true,
            help: "the name it was registered under",
        },
        inprocess::optional(
            "args",
            Kind::Text { bytes_max: 4096 },
            None,
            "its own values, key=value joined by commas",
        ),
    ],
    filters: &[],
    hit_word: "hit of the probe",
    tolerance: Tolerance::Own,
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let probe = values.printed("probe").unwrap_or_default();
    inprocess::process_hurt(format!("whatever {probe} does, for as long as the fault is held"))
}
