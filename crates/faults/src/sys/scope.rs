//! Whose traffic a fault is about, in terms the kernel knows: a cgroup, a process, or a network
//! namespace that nobody else uses. Management traffic is outside of it by construction.

use crate::effect::EffectError;
use crate::sys::cgroup::{self, Group};
use crate::sys::netns::Netns;
use crate::sys::process::{self, Handle, system};
use serde::{Deserialize, Serialize};
use squall_wire::identity::ProcessIdentity;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kernel's fixed inode of the first cgroup namespace: paths seen from any other one do not
/// say how deep a group lies.
const FIRST_CGROUP_NAMESPACE: u64 = 0xEFFF_FFFB;

/// Whose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Scope {
    /// A whole cgroup, in which nobody but the target and its descendants lives.
    Cgroup {
        /// Its folder.
        folder: PathBuf,
        /// Its path, for people.
        path: String,
        /// The kernel's number.
        id: u64,
        /// How deep it lies below the root.
        level: u32,
    },
    /// One process, because others live in its cgroup.
    Process {
        /// The folder of that cgroup.
        folder: PathBuf,
        /// Its path, for people.
        path: String,
        /// The process.
        pid: u32,
    },
    /// The whole network namespace, in which nobody but the target and its descendants lives.
    Namespace {
        /// Its inode.
        netns: u64,
    },
}

impl Scope {
    /// The scope for hooks that run in the target's own system calls.
    ///
    /// # Errors
    /// When the target is gone, is Squall itself, or cannot be told from others.
    pub(crate) fn of_calls(target: ProcessIdentity) -> Result<Scope, EffectError> {
        let group = group(target)?;
        if is_alone(target.pid, &group)? {
            return whole(&group);
        }
        if process::in_first_pid_namespace() {
            return Ok(Scope::Process { folder: group.folder, path: group.path, pid: target.pid });
        }
        Err(EffectError::Unavailable {
            what: "a rule for one process of a shared cgroup",
            why: "pids of this pid namespace are not the kernel's".to_owned(),
        })
    }

    /// The scope for hooks that see packets, which know a cgroup but no process.
    ///
    /// # Errors
    /// As [`Scope::of_calls`].
    pub(crate) fn of_packets(target: ProcessIdentity) -> Result<Scope, EffectError> {
        let group = group(target)?;
        if is_alone(target.pid, &group)? {
            return whole(&group);
        }
        let netns = Netns::of(target)?;
        if is_alone_in(target.pid, &netns) {
            return Ok(Scope::Namespace { netns: netns.inode() });
        }
        Err(EffectError::InTheWay(format!(
            "packets cannot be told from those of others: pid {} shares the cgroup {} and its \
             network namespace; start it in a cgroup of its own (a container, a systemd unit, \
             `systemd-run --scope`)",
            target.pid, group.path
        )))
    }

    /// The cgroup folder to attach to, where there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Scope::Cgroup { folder, .. } | Scope::Process { folder, .. } => Some(folder),
            Scope::Namespace { .. } => None,
        }
    }

    /// The open cgroup folder to attach to.
    ///
    /// # Errors
    /// When it is gone; a namespace has none.
    pub(crate) fn open(&self) -> Result<File, EffectError> {
        let folder = self.folder().ok_or_else(|| EffectError::Unavailable {
            what: "a cgroup of the target's own",
            why: "it shares its cgroup with others".to_owned(),
        })?;
        File::open(folder).map_err(system("open the target's cgroup"))
    }

    /// The processes it is about now, where it is about a cgroup or a process.
    pub(crate) fn members(&self) -> Vec<u32> {
        match self {
            Scope::Cgroup { folder, .. } => cgroup::members(folder).unwrap_or_default(),
            Scope::Process { pid, .. } => vec![*pid],
            Scope::Namespace { .. } => Vec::new(),
        }
    }

    /// For the record: `/shop/payment`, `/shared, pid 7 only`, `net:[…]`.
    pub(crate) fn shown(&self) -> String {
        match self {
            Scope::Cgroup { path, .. } => path.clone(),
            Scope::Process { path, pid, .. } => format!("{path}, pid {pid} only"),
            Scope::Namespace { netns } => format!("net:[{netns}]"),
        }
    }
}

fn group(target: ProcessIdentity) -> Result<Group, EffectError> {
    Handle::open(target)?;
    process::refuse_own(target)?;
    cgroup::v2_group(target.pid)
}

fn whole(group: &Group) -> Result<Scope, EffectError> {
    let id = cgroup::id(&group.folder).map_err(system("read the target's cgroup"))?;
    let (folder, path) = (group.folder.clone(), group.path.clone());
    let level = path.split('/').filter(|part| !part.is_empty()).count() as u32;
    Ok(Scope::Cgroup { folder, path, id, level })
}

/// True where the depth of a cgroup's path is the depth the kernel counts.
pub(crate) fn in_first_cgroup_namespace() -> bool {
    fs::metadata("/proc/self/ns/cgroup").is_ok_and(|meta| meta.ino() == FIRST_CGROUP_NAMESPACE)
}

/// True where nobody but the target and its descendants lives in its cgroup.
fn is_alone(pid: u32, group: &Group) -> Result<bool, EffectError> {
    if group.path == "/" {
        return Ok(false);
    }
    let members = cgroup::members(&group.folder).map_err(system("read the target's cgroup"))?;
    // Looking for descendants reads every process of the host; the usual target needs none.
    if members.iter().all(|member| *member == pid) {
        return Ok(true);
    }
    let family = family(pid);
    Ok(members.iter().all(|member| family.contains(member)))
}

/// True where nobody but the target and its descendants lives in its network namespace.
fn is_alone_in(pid: u32, netns: &Netns) -> bool {
    let family = family(pid);
    let here = |pid: u32| Netns::seen(pid).is_ok_and(|seen| seen.inode() == netns.inode());
    process::all().iter().all(|(other, _)| family.contains(other) || !here(*other))
}

fn family(pid: u32) -> BTreeSet<u32> {
    let descendants = process::descendants(pid);
    descendants.iter().map(|own| own.pid).chain([pid]).collect()
}
