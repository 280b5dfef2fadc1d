//! `disk.fill`: fills a file system the target writes to.

#[cfg(feature = "effects")]
pub mod effect;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DiskFill;

struct DiskFill;

static DESCRIPTION: Description = Description {
    name: "disk.fill",
    family: "disk",
    summary: "fills a file system the target uses",
    death: Death::Holder,
    params: &[
        Param::required("path", Kind::Path, "a folder on the file system, as the target sees it"),
        Param::optional(
            "size",
            Kind::Bytes { min: "1MiB", max: "64TiB" },
            None,
            "how much is taken; this or left",
        ),
        Param::optional(
            "left",
            Kind::Share { min_percent: 0.0, max_percent: 99.0 },
            None,
            "how much of the file system is left free; this or size",
        ),
        Param::optional(
            "reserve",
            Kind::Bytes { min: "16MiB", max: "64TiB" },
            Some("64MiB"),
            "what always stays free",
        ),
    ],
    filters: &[],
    acts: "a process of Squall holds a file without a name, of the size that is asked",
    ends: "a file without a name goes with the process that holds it: with the agent, its lease, or a word",
    spares: "every file that is there; the reserve",
    hit_word: "space taken",
    tolerance: Tolerance::Relative(0.05),
    conflicts: &["disk.fill"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for DiskFill {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        if values.has("size") == values.has("left") {
            return vec![ValueIssue {
                code: "F031",
                key: "size".to_owned(),
                at_key: true,
                message: "size and left say the same thing in two ways".to_owned(),
                label: "give exactly one of them".to_owned(),
                help: Some("size: 64MiB".to_owned()),
                other: None,
            }];
        }
        Vec::new()
    }

    fn bound(&self, values: &Checked) -> Bound {
        let path = values.printed("path").unwrap_or_default();
        let text = match (values.printed("size"), values.printed("left")) {
            (Some(size), _) => format!("{size} of the file system of {path} is taken"),
            (_, left) => format!("{} of the file system of {path} is left", left.unwrap_or("0%")),
        };
        Bound { text: text + ", for whoever uses it", per_mille_hurt: 1000 }
    }
}
