//! `disk.burn`: reads and writes a disk at a rate, inside the target's own cgroup.

#[cfg(feature = "effects")]
pub mod effect;
#[cfg(feature = "effects")]
mod load;

use crate::dose::Tolerance;
use crate::fault::{Bound, Death, Description, Fault, Kind, Need, Param, ValueIssue};
use crate::values::Checked;

/// The fault.
pub static FAULT: &dyn Fault = &DiskBurn;

struct DiskBurn;

static DESCRIPTION: Description = Description {
    name: "disk.burn",
    family: "disk",
    summary: "reads and writes a disk at a rate",
    death: Death::Holder,
    params: &[
        Param::required("path", Kind::Path, "a folder on the disk, as the target sees it"),
        Param::optional(
            "read",
            Kind::ByteRate { min: "4KiB/s", max: "100GiB/s" },
            None,
            "how much is read",
        ),
        Param::optional(
            "write",
            Kind::ByteRate { min: "4KiB/s", max: "100GiB/s" },
            None,
            "how much is written",
        ),
    ],
    filters: &[],
    acts: "a process of Squall in the target's cgroups reads and writes a 64 MiB file without a name, past the page cache where the file system can",
    ends: "a file without a name goes with the process that holds it: with the agent, its lease, or a word",
    spares: "every file that is there; limits of the target's cgroups hold for the worker too",
    hit_word: "disk loaded",
    tolerance: Tolerance::Relative(0.2),
    conflicts: &["disk.burn"],
    needs: &[Need::Root],
    example: include_str!("example.yaml"),
    cases: include_str!("cases.md"),
};

impl Fault for DiskBurn {
    fn describe(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn check(&self, values: &Checked) -> Vec<ValueIssue> {
        if !values.has("read") && !values.has("write") {
            return vec![ValueIssue {
                code: "F031",
                key: "write".to_owned(),
                at_key: true,
                message: "neither read nor write is given".to_owned(),
                label: "nothing would be done".to_owned(),
                help: Some("write: 10MiB/s".to_owned()),
                other: None,
            }];
        }
        Vec::new()
    }

    fn bound(&self, values: &Checked) -> Bound {
        let path = values.printed("path").unwrap_or_default();
        let rates = [("read", "read"), ("write", "written")];
        let rates = rates.map(|(key, word)| Some(format!("{} {word}", values.printed(key)?)));
        let rates: Vec<_> = rates.into_iter().flatten().collect();
        let text = format!("{} on the disk of {path}", rates.join(" and "));
        Bound { text, per_mille_hurt: 1000 }
    }
}
