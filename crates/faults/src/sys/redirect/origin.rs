//! Whose outgoing traffic a redirect is about: a cgroup of the target's own, or one process.

use crate::effect::EffectError;
use crate::sys::cgroup::{self, Group};
use crate::sys::process::{self, Handle, system};
use serde::{Deserialize, Serialize};
use squall_wire::identity::ProcessIdentity;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Size of the C structure.
pub(super) const KEY_BYTES: usize = 16;

/// A target as the programs on its cgroup know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// The folder of the cgroup that the programs are attached to.
    pub(super) cgroup: PathBuf,
    /// Its path, for people.
    path: String,
    /// Whom they act on.
    whom: Whom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Whom {
    /// One process, because others live in its cgroup.
    Process(u32),
    /// A whole cgroup, by the kernel's number.
    Cgroup(u64),
}

impl Origin {
    /// Finds out how the target is told from others.
    pub(super) fn of(target: ProcessIdentity) -> Result<Origin, EffectError> {
        Handle::open(target)?;
        let group = cgroup::v2_group(target.pid)?;
        let whom = if is_alone(target.pid, &group)? {
            Whom::Cgroup(cgroup::id(&group.folder).map_err(system("read the target's cgroup"))?)
        } else if process::in_first_pid_namespace() {
            Whom::Process(target.pid)
        } else {
            return Err(EffectError::Unavailable {
                what: "a redirect for one process of a shared cgroup",
                why: "pids of this pid namespace are not the kernel's".to_owned(),
            });
        };
        Ok(Origin { cgroup: group.folder, path: group.path, whom })
    }

    /// `struct origin_key`.
    pub(super) fn key(&self) -> [u8; KEY_BYTES] {
        let (kind, id) = match self.whom {
            Whom::Process(pid) => (1u32, u64::from(pid)),
            Whom::Cgroup(id) => (2, id),
        };
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&kind.to_ne_bytes());
        key[8..].copy_from_slice(&id.to_ne_bytes());
        key
    }

    /// For the record.
    pub(super) fn shown(&self) -> String {
        match self.whom {
            Whom::Process(pid) => format!("{}, pid {pid} only", self.path),
            Whom::Cgroup(_) => self.path.clone(),
        }
    }

    /// The processes it is about now.
    pub(super) fn members(&self) -> Vec<u32> {
        match self.whom {
            Whom::Process(pid) => vec![pid],
            Whom::Cgroup(_) => cgroup::members(&self.cgroup).unwrap_or_default(),
        }
    }
}

fn is_alone(pid: u32, group: &Group) -> Result<bool, EffectError> {
    if group.path == "/" {
        return Ok(false);
    }
    let members = cgroup::members(&group.folder).map_err(system("read the target's cgroup"))?;
    // Looking for descendants reads every process of the host; the usual target needs none.
    if members.iter().all(|member| *member == pid) {
        return Ok(true);
    }
    let mut family: BTreeSet<u32> = process::descendants(pid).iter().map(|own| own.pid).collect();
    family.insert(pid);
    Ok(members.iter().all(|member| family.contains(member)))
}
