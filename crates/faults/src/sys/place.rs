//! Where a limit is set so that it reaches the target and nobody else: the target's own control
//! group where it is alone there, else one that is made for it and its children inside.

mod fault;

pub(crate) use fault::LimitFault;

use crate::effect::EffectError;
use crate::fault::Death;
use crate::sys::cgroup::{self, Group};
use crate::sys::process::{self, Handle, system};
use crate::sys::{bpf, clock};
use serde::{Deserialize, Serialize};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Injection;
use squall_wire::receipt::Receipt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A tree that forks faster than it can be moved is given up on after so many rounds.
const ROUNDS_MAX: usize = 64;
/// How long an empty group may take until the kernel lets it be removed.
const REMOVED_NS_MAX: u64 = 1_000_000_000;

/// A controller, and the file by which each version is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Controller {
    /// Its name in version 1.
    pub(crate) name: &'static str,
    /// The files that are set in version 1, in the order in which they are written back.
    pub(crate) v1: &'static [&'static str],
    /// The same in version 2.
    pub(crate) v2: &'static [&'static str],
}

/// What undoes a limit; everything the receipt needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The group the limit is set on.
    pub(crate) folder: PathBuf,
    /// True for version 2.
    pub(crate) v2: bool,
    /// The group it is made in; none where it is the target's own.
    parent: Option<PathBuf>,
    /// What each file said before.
    before: Vec<(String, String)>,
}

impl Controller {
    /// Looks where a limit on the target would be set. Nothing is touched.
    pub(crate) fn place(self, injection: &Injection) -> Result<Place, EffectError> {
        let target = injection.target.process;
        let groups = cgroup::groups(target.pid)?;
        Handle::open(target)?;
        process::refuse_own(target)?;
        let hash = bpf::token(&injection.run, &injection.id);
        self.place_in(&groups, &own_tree(target), &format!("squall-{hash:016x}"))
    }

    /// The same for these groups and this tree of processes.
    fn place_in(self, groups: &[Group], tree: &[u32], name: &str) -> Result<Place, EffectError> {
        let Some((group, files)) = self.group(groups) else {
            return Err(EffectError::Unavailable {
                what: "a limit on the target's cgroup",
                why: format!("its cgroups have no {} controller", self.name),
            });
        };
        let others = cgroup::members(&group.folder).map_err(system("read the target's cgroup"))?;
        let others = others.iter().filter(|pid| !tree.contains(pid)).count();
        let is_root = group.path == "/";
        if others == 0 && !is_root {
            let mut before = Vec::new();
            for file in files {
                let value = fs::read_to_string(group.folder.join(file));
                let value = value.map_err(system("read the limit as it is"))?;
                before.push(((*file).to_owned(), value.trim().to_owned()));
            }
            return Ok(Place { folder: group.folder.clone(), v2: group.v2, parent: None, before });
        }
        // Below the root group version 2 gives a new group what the root hands down.
        if group.v2 && !(is_root && self.is_handed_down(&group.folder)) {
            return Err(EffectError::InTheWay(format!(
                "its cgroup {} holds {others} other processes, which would be hurt too: give the \
                 service a group of its own (a container or a systemd unit)",
                group.path
            )));
        }
        let (folder, parent) = (group.folder.join(name), Some(group.folder.clone()));
        Ok(Place { folder, v2: group.v2, parent, before: Vec::new() })
    }

    /// The group that has this controller: of version 1 where it is mounted there.
    fn group(self, groups: &[Group]) -> Option<(&Group, &'static [&'static str])> {
        let v1 = |group: &&Group| group.controllers.iter().any(|name| name == self.name);
        if let Some(group) = groups.iter().find(|group| !group.v2 && v1(group)) {
            return Some((group, self.v1));
        }
        let group = groups.iter().find(|group| group.v2)?;
        let has = if group.path == "/" {
            self.is_handed_down(&group.folder)
        } else {
            self.v2.iter().all(|file| group.folder.join(file).exists())
        };
        has.then_some((group, self.v2))
    }

    fn is_handed_down(self, root: &Path) -> bool {
        let names = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
        names.split_ascii_whitespace().any(|name| name == self.name)
    }

    /// Makes a group and reads its limits: how it was found to work, or why it does not.
    pub(crate) fn trial(self, v2: bool) -> Result<String, String> {
        let trees = cgroup::trees().map_err(|error| error.to_string())?;
        let has = |tree: &&cgroup::Tree| match v2 {
            true => tree.v2,
            false => !tree.v2 && tree.controllers.iter().any(|name| name == self.name),
        };
        let version = if v2 { 2 } else { 1 };
        let none = || format!("no cgroup version {version} with {} is mounted", self.name);
        let tree = trees.iter().find(has).ok_or_else(none)?;
        let folder = tree.mount.join(format!("squall-doctor-{}-{}", self.name, std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("make a cgroup: {error}"))?;
        let files = if v2 { self.v2 } else { self.v1 };
        let missing = files.iter().find(|file| !folder.join(file).exists());
        // An empty group is always removable.
        let _removed = fs::remove_dir(&folder);
        match missing {
            None => {
                Ok(format!("a group with {} was made below {}", files[0], tree.mount.display()))
            }
            Some(file) => Err(format!(
                "a new cgroup of version {version} has no {file}: the controller {} is not there",
                self.name
            )),
        }
    }

    /// How a limit ends: never by itself.
    pub(crate) const DEATH: Death = Death::Receipt;
}

impl Place {
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("invariant: an undo is JSON-safe")
    }

    pub(crate) fn read(receipt: &Receipt) -> Result<Place, EffectError> {
        let undo = Place::deserialize(&receipt.undo);
        undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
    }

    /// Makes the group where one is needed, and moves the target and its children into it.
    pub(crate) fn enter(&self, target: ProcessIdentity) -> Result<(), EffectError> {
        Handle::open(target)?;
        if self.parent.is_none() {
            return Ok(());
        }
        match fs::create_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(system("make a group for the target")(error));
            }
            _ => {}
        }
        // Children that are born meanwhile may still be outside: looked at until none is.
        for _ in 0..ROUNDS_MAX {
            let inside = cgroup::members(&self.folder).unwrap_or_default();
            let outside: Vec<u32> =
                own_tree(target).into_iter().filter(|pid| !inside.contains(pid)).collect();
            if outside.is_empty() {
                return Ok(());
            }
            Handle::open(target)?;
            for pid in outside {
                self.take(&self.folder, pid).map_err(system("move the target into its group"))?;
            }
        }
        Err(EffectError::InTheWay("the target starts processes faster than they are moved".into()))
    }

    /// Moves one process; one that ended meanwhile is not there to be moved.
    fn take(&self, folder: &Path, pid: u32) -> io::Result<()> {
        match fs::write(folder.join("cgroup.procs"), pid.to_string()) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            moved => moved,
        }
    }

    /// Sets one limit.
    pub(crate) fn set(&self, file: &str, value: &str) -> Result<(), EffectError> {
        fs::write(self.folder.join(file), value).map_err(system("set the limit"))
    }

    /// The number a file of the group has; `max` and the like are none.
    pub(crate) fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok()
    }

    /// The number behind a word of a file with one pair a line.
    pub(crate) fn counter(&self, file: &str, word: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.filter(|(name, _)| *name == word).find_map(|(_, value)| value.trim().parse().ok())
    }

    /// Puts everything back; a group that is gone had nobody in it any more.
    pub(crate) fn restore(&self) -> Result<(), EffectError> {
        let Some(parent) = &self.parent else {
            for (file, value) in &self.before {
                match fs::write(self.folder.join(file), value) {
                    Err(error) if !is_gone(&error) => {
                        return Err(system("write the old limit back")(error));
                    }
                    _ => {}
                }
            }
            return Ok(());
        };
        for _ in 0..ROUNDS_MAX {
            let inside = match cgroup::members(&self.folder) {
                Ok(inside) => inside,
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => return Err(system("read the target's group")(error)),
            };
            if inside.is_empty() {
                break;
            }
            for pid in inside {
                self.take(parent, pid).map_err(system("move the target back"))?;
            }
        }
        let end = clock::monotonic_ns() + REMOVED_NS_MAX;
        loop {
            match fs::remove_dir(&self.folder) {
                Ok(()) => return Ok(()),
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) if clock::monotonic_ns() > end => {
                    return Err(system("remove the target's group")(error));
                }
                Err(_busy) => std::thread::yield_now(),
            }
        }
    }

    pub(crate) fn residue(&self) -> Vec<String> {
        if self.parent.is_some() {
            let left = self.folder.exists().then(|| format!("group {}", self.folder.display()));
            return left.into_iter().collect();
        }
        let differs = |(file, before): &&(String, String)| {
            let now = fs::read_to_string(self.folder.join(file));
            now.is_ok_and(|now| now.trim() != before)
        };
        let left = self.before.iter().filter(differs);
        left.map(|(file, _)| format!("{} is not as before", self.folder.join(file).display()))
            .collect()
    }

    pub(crate) fn advice(&self) -> String {
        let folder = self.folder.display();
        match &self.parent {
            Some(parent) => format!(
                "for p in $(cat {folder}/cgroup.procs); do echo $p > {}/cgroup.procs; done; rmdir \
                 {folder}",
                parent.display()
            ),
            None => {
                let lines = self.before.iter();
                let lines = lines.map(|(file, value)| format!("echo {value} > {folder}/{file}"));
                lines.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// Where it is, for the record.
    pub(crate) fn word(&self) -> String {
        let version = if self.v2 { 2 } else { 1 };
        let how = if self.parent.is_some() { ", made for the target" } else { "" };
        format!("cgroup version {version} {}{how}", self.folder.display())
    }
}

/// The target and everything it started.
fn own_tree(target: ProcessIdentity) -> Vec<u32> {
    let below = process::descendants(target.pid).into_iter().map(|found| found.pid);
    [target.pid].into_iter().chain(below).collect()
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    const CPU: Controller = Controller {
        name: "cpu",
        v1: &["cpu.cfs_period_us", "cpu.cfs_quota_us"],
        v2: &["cpu.max"],
    };

    /// A tree of files as version 2 shows it, for hosts whose version 2 has no controllers.
    fn tree(procs: &str) -> (tempfile::TempDir, Group) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("app");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("cgroup.procs"), procs).unwrap();
        fs::write(folder.join("cpu.max"), "max 100000\n").unwrap();
        let group = Group { folder, path: "/app".into(), v2: true, controllers: Vec::new() };
        (root, group)
    }

    #[test]
    fn a_target_alone_in_its_group_of_version_2_is_limited_there_and_put_back() {
        let (_root, group) = tree("10\n11\n");
        let place = CPU.place_in(std::slice::from_ref(&group), &[10, 11], "squall-x").unwrap();
        assert_eq!(place.folder, group.folder);
        assert!(place.v2 && place.residue().is_empty());
        place.set("cpu.max", "10000 100000").unwrap();
        assert_eq!(place.residue().len(), 1);
        assert!(place.advice().contains("echo max 100000 >"), "{}", place.advice());
        // As a journal would give it back, and twice.
        let text = serde_json::to_string(&place).unwrap();
        let place: Place = serde_json::from_str(&text).unwrap();
        place.restore().unwrap();
        place.restore().unwrap();
        assert!(place.residue().is_empty());
        assert_eq!(fs::read_to_string(group.folder.join("cpu.max")).unwrap(), "max 100000");
    }

    #[test]
    fn a_shared_group_of_version_2_is_refused_with_advice() {
        let (_root, group) = tree("10\n11\n12\n");
        let error = CPU.place_in(&[group], &[10, 11], "squall-x").unwrap_err().to_string();
        assert!(error.contains("/app holds 1 other processes"), "{error}");
        assert!(error.contains("a systemd unit"), "{error}");
    }

    #[test]
    fn a_group_without_the_controller_is_refused() {
        let (_root, group) = tree("10\n");
        fs::remove_file(group.folder.join("cpu.max")).unwrap();
        let error = CPU.place_in(&[group], &[10], "squall-x").unwrap_err().to_string();
        assert!(error.contains("no cpu controller"), "{error}");
    }

    #[test]
    fn below_the_root_of_version_2_a_group_is_made_where_the_controller_is_handed_down() {
        let (_root, group) = tree("1\n10\n");
        let root = Group { path: "/".into(), ..group };
        let place = || CPU.place_in(std::slice::from_ref(&root), &[10], "squall-x");
        assert!(place().is_err());
        fs::write(root.folder.join("cgroup.subtree_control"), "memory cpu\n").unwrap();
        assert_eq!(place().unwrap().folder, root.folder.join("squall-x"));
    }

    #[test]
    fn a_group_that_vanished_is_restored() {
        let (root, group) = tree("10\n");
        let place = CPU.place_in(&[group], &[10], "squall-x").unwrap();
        drop(root);
        place.restore().unwrap();
        assert!(place.residue().is_empty());
    }
}
