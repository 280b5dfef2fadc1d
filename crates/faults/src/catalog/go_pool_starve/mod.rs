//! `go.pool-starve`: connections are taken out of a database/sql pool until so many are left.

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
    name: "go.pool-starve",
    summary: "database connections are taken out of a pool",
    params: &[
        Param::optional("pool", Kind::Name, Some("default"), "a pool that the process registered"),
        Param::optional(
            "leave",
            Kind::Integer { min: 0, max: 10_000 },
            Some("0"),
            "how many connections are left",
        ),
    ],
    filters: &[],
    hit_word: "connection taken",
    tolerance: Tolerance::Own,
    conflicts: &[],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
});

fn bound(values: &Checked) -> Bound {
    let (pool, leave) = (values.printed("pool"), values.printed("leave"));
    let text = format!(
        "{} connections of pool {} are left",
        leave.unwrap_or_default(),
        pool.unwrap_or_default()
    );
    inprocess::process_hurt(text)
}
