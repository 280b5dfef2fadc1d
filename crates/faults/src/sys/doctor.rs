//! Tries what a fault needs on this host, in a throwaway cgroup and a throwaway network
//! namespace; a list that names a mechanism proves nothing.

use crate::catalog;
use crate::effect::{EffectError, Mechanism};
use crate::fault::{Fault, Need};
use crate::sys::netns::Netns;
use crate::sys::{cgroup, qdisc, redirect, sock_diag};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The number of the loopback device, the first of every namespace.
const LOOPBACK: u32 = 1;

/// Tries one mechanism: how it was found to work, or why it does not. Asked again, it answers
/// what it answered before.
///
/// # Errors
/// The kernel's answer, for a person.
pub fn trial(need: Need) -> Result<String, String> {
    static TRIED: Mutex<BTreeMap<Need, Result<String, String>>> = Mutex::new(BTreeMap::new());
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    tried.entry(need).or_insert_with(|| attempt(need)).clone()
}

/// Whether a fault can act on this host.
///
/// # Errors
/// What is missing, for a person: a need, or every mechanism.
pub fn available(fault: &dyn Fault) -> Result<(), String> {
    let described = fault.describe();
    described.needs.iter().try_for_each(|need| trial(*need).map(drop))?;
    let mut missing = Vec::new();
    for mechanism in mechanisms(described.name) {
        match tried(described.name, mechanism) {
            Ok(_) => return Ok(()),
            Err(why) => missing.push(format!("{}: {why}", mechanism.name)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

/// The ways in which a fault can act, in the order it tries them.
pub fn mechanisms(fault: &str) -> &'static [Mechanism] {
    catalog::find(fault).map_or(&[], |entry| entry.effect.mechanisms())
}

/// Tries one mechanism of a fault, once.
///
/// # Errors
/// The kernel's answer, for a person.
pub fn tried(fault: &'static str, mechanism: &Mechanism) -> Result<String, String> {
    type Tried = BTreeMap<(&'static str, &'static str), Result<String, String>>;
    static TRIED: Mutex<Tried> = Mutex::new(BTreeMap::new());
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    tried.entry((fault, mechanism.name)).or_insert_with(mechanism.trial).clone()
}

/// Who else leads connections elsewhere on this host: a fault that does so goes on beside them, or
/// is refused by their name.
///
/// # Errors
/// Why that cannot be seen.
pub fn redirects_of_others() -> Result<Vec<String>, String> {
    redirect::others::here().map_err(|error| error.to_string())
}

/// Whether this kernel has the queue that delays and loses packets. No fault uses it: those on
/// packets act in the same way on every kernel.
///
/// # Errors
/// The kernel's answer to a trial.
pub fn netem() -> Result<String, String> {
    in_new_namespace(|_| {
        qdisc::try_netem(LOOPBACK).map_err(|error| error.to_string())?;
        Ok("a queue was put on a device of a new network namespace".to_owned())
    })
}

fn attempt(need: Need) -> Result<String, String> {
    match need {
        Need::Root => signal_init(),
        Need::Cgroup2 => {
            let group = Throwaway::new()?;
            Ok(format!("a group was made below {}", group.parent().display()))
        }
        Need::BpfCgroupConnect => on_new_cgroup(catalog::net_refuse::trial),
        Need::BpfCgroupBind => on_new_cgroup(catalog::net_occupy::trial),
        Need::BpfCgroupSkb => on_new_cgroup(catalog::net_partition::trial),
        Need::BpfTcx => in_new_namespace(|_| {
            catalog::net_duplicate::trial().map_err(said)?;
            Ok("loaded and attached to a device of a new network namespace".to_owned())
        }),
        Need::Tap => in_new_namespace(|_| {
            catalog::net_reorder::trial().map_err(said)?;
            Ok("a device was made in a new network namespace".to_owned())
        }),
        Need::Htb => in_new_namespace(|_| {
            catalog::net_bandwidth::trial().map_err(said)?;
            Ok("a queue was put on a device of a new network namespace".to_owned())
        }),
        Need::BpfSkLookup => in_new_namespace(|netns| {
            redirect::trial(netns).map_err(said)?;
            Ok("loaded and attached to a new network namespace".to_owned())
        }),
        Need::BpfCgroupRedirect => on_new_cgroup(redirect::trial_outbound),
        Need::SockDestroy => in_new_namespace(|_| {
            sock_diag::can_destroy().map_err(|error| format!("destroying sockets: {error}"))?;
            Ok("the kernel destroys sockets over netlink".to_owned())
        }),
    }
}

fn signal_init() -> Result<String, String> {
    let first = rustix::process::Pid::INIT;
    match rustix::process::test_kill_process(first) {
        Ok(()) => Ok("may signal every process".to_owned()),
        Err(error) => Err(format!("needs root: {error}")),
    }
}

fn on_new_cgroup(trial: fn(&File) -> Result<(), EffectError>) -> Result<String, String> {
    let group = Throwaway::new()?;
    let folder = File::open(&group.0).map_err(|error| format!("open a cgroup: {error}"))?;
    trial(&folder).map_err(said)?;
    Ok("loaded and attached to a new cgroup".to_owned())
}

fn said(error: EffectError) -> String {
    match error {
        EffectError::Unavailable { why, .. } => why,
        other => other.to_string(),
    }
}

/// A cgroup that is removed when the trial is over.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> Result<Throwaway, String> {
        let trees = cgroup::trees().map_err(|error| error.to_string())?;
        let tree = trees.into_iter().find(|tree| tree.v2);
        let root = tree.ok_or("no cgroup2 file system is mounted")?.mount;
        let group = Throwaway(root.join(format!("squall-doctor-{}", std::process::id())));
        fs::create_dir(&group.0).map_err(|error| format!("make a cgroup: {error}"))?;
        Ok(group)
    }

    fn parent(&self) -> &std::path::Path {
        self.0.parent().unwrap_or(&self.0)
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // An empty group without programs is always removable.
        let _removed = fs::remove_dir(&self.0);
    }
}

/// Runs a trial on a thread that is alone in a new network namespace and ends there.
fn in_new_namespace<T: Send>(
    body: impl FnOnce(&Netns) -> Result<T, String> + Send,
) -> Result<T, String> {
    let thread = move || {
        let netns = Netns::new_for_this_thread();
        body(&netns.map_err(|error| format!("make a network namespace: {error}"))?)
    };
    std::thread::scope(|scope| {
        scope.spawn(thread).join().unwrap_or_else(|_| Err("the trial's thread died".to_owned()))
    })
}
