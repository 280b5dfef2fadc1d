//! Where a process stands in the trees of control groups, version 2 and version 1.

use crate::effect::EffectError;
use crate::sys::process::system;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A tree deeper than this is no tree a person made; the walk ends there.
const DEPTH_MAX: usize = 16;

/// One mounted tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The part of the tree that is mounted there, `/` for all of it.
    root: String,
    /// True for version 2.
    pub v2: bool,
    /// The controllers of a version 1 tree, `name=systemd` included.
    pub controllers: Vec<String>,
}

/// The group of a process in one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The folder.
    pub folder: PathBuf,
    /// The path below the mount point, `/` for the root group.
    pub path: String,
    /// True for version 2.
    pub v2: bool,
    /// The controllers of a version 1 group.
    pub controllers: Vec<String>,
}

/// All mounted trees.
///
/// # Errors
/// When procfs is not mounted.
pub fn trees() -> io::Result<Vec<Tree>> {
    let mut trees = parse_mounts(&fs::read_to_string("/proc/self/mountinfo")?);
    // The same tree may be mounted twice, for example by a container's bind mount.
    trees.dedup_by(|b, a| a.v2 == b.v2 && a.controllers == b.controllers);
    Ok(trees)
}

/// Lines are `id parent dev root mount options [tags] - type source super-options`.
fn parse_mounts(text: &str) -> Vec<Tree> {
    let tree = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, mount) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        if kind != "cgroup" && kind != "cgroup2" {
            return None;
        }
        let v2 = kind == "cgroup2";
        let flags = ["rw", "ro", "xattr", "noprefix", "clone_children"];
        let names = options.split(',').filter(|name| !flags.contains(name) && !v2);
        let named = |name: &&str| !name.contains('=') || name.starts_with("name=");
        let controllers = names.filter(named).map(str::to_owned).collect();
        Some(Tree { mount: mount.replace("\\040", " ").into(), root: root.into(), v2, controllers })
    };
    text.lines().filter_map(tree).collect()
}

/// The groups of a process in all mounted trees.
///
/// # Errors
/// [`EffectError::TargetGone`] when the process ended.
pub fn groups(pid: u32) -> Result<Vec<Group>, EffectError> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"));
    let text = text.map_err(|_| EffectError::TargetGone)?;
    let trees = trees().map_err(system("read the mounted cgroup trees"))?;
    Ok(parse_groups(&text, &trees))
}

/// Lines are `number:controllers:path`; version 2 has no controllers.
fn parse_groups(text: &str, trees: &[Tree]) -> Vec<Group> {
    let group = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let tree = trees.iter().find(|tree| {
            if controllers.is_empty() {
                return tree.v2;
            }
            !tree.v2
                && controllers.split(',').all(|name| tree.controllers.iter().any(|c| c == name))
        })?;
        let below = match tree.root.as_str() {
            "/" => path,
            root => path.strip_prefix(root)?,
        };
        let path = if below.is_empty() { "/" } else { below };
        let folder = tree.mount.join(path.trim_start_matches('/'));
        let controllers = tree.controllers.clone();
        Some(Group { folder, path: path.to_owned(), v2: tree.v2, controllers })
    };
    text.lines().filter_map(group).collect()
}

/// The version 2 group of a process, where version 2 is mounted.
///
/// # Errors
/// [`EffectError::TargetGone`] or [`EffectError::Unavailable`].
pub fn v2_group(pid: u32) -> Result<Group, EffectError> {
    groups(pid)?.into_iter().find(|group| group.v2).ok_or_else(|| EffectError::Unavailable {
        what: "cgroup v2",
        why: "no cgroup2 file system is mounted".to_owned(),
    })
}

/// Moves a process into all groups of another. A group that is gone or frozen out is an error:
/// load in the wrong group is another fault than the one asked for.
///
/// # Errors
/// The first group that would not take it.
pub fn join(pid: u32, groups: &[Group]) -> Result<(), EffectError> {
    for group in groups {
        let members = group.folder.join("cgroup.procs");
        fs::write(members, pid.to_string()).map_err(system("join the target's cgroup"))?;
    }
    Ok(())
}

/// The processes of a group and of all groups below it.
///
/// # Errors
/// When the group is gone.
pub fn members(folder: &Path) -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let text = fs::read_to_string(folder.join("cgroup.procs"))?;
        pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        for entry in fs::read_dir(&folder)?.flatten() {
            if depth < DEPTH_MAX && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    Ok(pids)
}

/// The number the kernel knows a version 2 group by.
///
/// # Errors
/// When the group is gone.
pub fn id(folder: &Path) -> io::Result<u64> {
    Ok(fs::metadata(folder)?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 /pod1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    #[test]
    fn groups_of_both_versions_are_found_below_their_mounts() {
        let text = "9:name=systemd:/a b\n4:memory:/pod1/x\n3:cpu,cpuacct:/\n2:pids:/p\n0::/u/v\n";
        let groups = parse_groups(text, &parse_mounts(MOUNTS));
        let line = |group: &Group| format!("{} {}", group.folder.display(), group.path);
        assert_eq!(
            groups.iter().map(line).collect::<Vec<_>>(),
            [
                "/sys/fs/cgroup/systemd/a b /a b",
                "/sys/fs/cgroup/memory/x /x",
                "/sys/fs/cgroup/cpu/ /",
                "/sys/fs/cgroup/unified/u/v /u/v",
            ]
        );
    }
}
