//! `go.probe`: a probe that the process registered with squall.Register is executed.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Description, Fault, Kind, Param};
use crate::inprocess::{self, InProcessFault};
use crate::mechanism::Own;
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &InProcessFault { about: &DESCRIPTION, bound };

static DESCRIPTION: Description = inprocess::MECHANISM.fault(Own {
    name: "go.probe",
    summary: "a fault that the process brought along",
    params: &[
        Param::required("probe", Kind::Glob, "the name it was registered under"),
        Param::optional(
            "args",
            Kind::Text { bytes_max: 4096 },
            None,
            "its own values, key=value joined by commas",
        ),
    ],
    filters: &[],
    hit_word: "hit of the probe",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let probe = values.printed("probe").unwrap_or_default();
    inprocess::process_hurt(format!("whatever {probe} does, for as long as the fault is held"))
}
