//! Control groups of the given processes: limits, frozen ones, and groups that were made in them.

use super::Facts;
use crate::sys::cgroup::{self, Group};
use std::fs;
use std::io;
use std::path::Path;

/// What a fault may change; files a version does not have are skipped.
const LIMITS: &[&str] = &[
    "blkio.throttle.read_bps_device",
    "blkio.throttle.write_bps_device",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "cpu.max",
    "cpu.shares",
    "cpu.weight",
    "cpuset.cpus",
    "io.max",
    "memory.high",
    "memory.limit_in_bytes",
    "memory.max",
    "memory.swap.max",
    "pids.max",
];
const FROZEN: &[(&str, &str)] = &[("cgroup.freeze", "1"), ("freezer.state", "FROZEN")];

/// The groups of all processes that are still there, each once.
pub(super) fn of(pids: &[u32]) -> Vec<Group> {
    let mut all: Vec<Group> =
        pids.iter().filter_map(|pid| cgroup::groups(*pid).ok()).flatten().collect();
    all.sort_by(|a, b| a.folder.cmp(&b.folder));
    all.dedup_by(|a, b| a.folder == b.folder);
    all
}

pub(super) fn limits(groups: &[Group]) -> Facts {
    let mut facts = Vec::new();
    for group in groups {
        for file in LIMITS {
            if let Some(value) = read(&group.folder.join(file))? {
                facts.push(format!("{} {file} {value}", group.folder.display()));
            }
        }
    }
    Ok(facts)
}

pub(super) fn frozen(groups: &[Group]) -> Facts {
    let mut facts = Vec::new();
    for group in groups {
        for (file, frozen) in FROZEN {
            if read(&group.folder.join(file))?.is_some_and(|value| value == *frozen) {
                facts.push(group.folder.display().to_string());
            }
        }
    }
    Ok(facts)
}

/// Groups inside the processes' own ones. The root's are everybody's, and come and go; there
/// only Squall's own count.
pub(super) fn children(groups: &[Group]) -> Facts {
    let mut facts = Vec::new();
    let mut folders: Vec<_> =
        groups.iter().map(|group| (&group.folder, group.path == "/")).collect();
    let trees = cgroup::trees()?;
    folders.extend(trees.iter().map(|tree| (&tree.mount, true)));
    folders.sort();
    // The root group's folder is written with a slash at its end where it came from a process.
    folders.dedup_by(|a, b| a.0.components().eq(b.0.components()));
    for (folder, is_root) in folders {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let counts = !is_root || name.contains("squall");
            if counts && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                facts.push(folder.join(name).display().to_string());
            }
        }
    }
    Ok(facts)
}

/// The content of a file on one line; `None` where there is no such file or group any more.
fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().replace('\n', ", "))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A group that is being removed answers so.
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}
