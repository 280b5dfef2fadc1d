//! Reads what a fault could leave behind, as sorted facts that can be compared.
//!
//! Only what belongs to the given processes (their cgroups and network namespaces) and what
//! carries Squall's mark is read, so that a busy host's own life is no difference.

mod links;

use crate::inventory::{Process, netns, scan};
use squall_faults::sys::{cgroup, process};
use squall_wire::fingerprint::Fingerprint;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Processes looked at in one call; the radius is far below it.
const PIDS_MAX: usize = 256;

type Facts = Result<BTreeSet<String>, String>;

/// The host's state around these processes.
pub fn read(pids: &[u32]) -> Fingerprint {
    let pids = &pids[..pids.len().min(PIDS_MAX)];
    let inventory = scan();
    let targets = inventory.processes.iter().filter(|p| pids.contains(&p.process.pid));
    let targets: Vec<&Process> = targets.collect();
    let cgroups: BTreeSet<&str> = targets.iter().map(|target| target.cgroup.as_str()).collect();
    let own_space = netns(std::process::id()).unwrap_or(0);
    let spaces: BTreeSet<u64> = targets.iter().map(|target| target.netns).collect();

    let mut fingerprint = Fingerprint::default();
    let mut put = |category: &str, facts: Facts| match facts {
        Ok(facts) => drop(fingerprint.facts.insert(category.into(), facts)),
        Err(why) => drop(fingerprint.unread.insert(category.into(), why)),
    };
    put("stopped processes", Ok(stopped()));
    put("traced processes", Ok(traced(pids)));
    put("bpf links", links::read(&cgroups, &spaces));
    put("pinned bpf objects", pinned());
    put("cgroup limits", Ok(cgroups.iter().flat_map(|group| limits(group)).collect()));
    put("cgroup children", Ok(cgroups.iter().flat_map(|group| children(group)).collect()));
    // A listener of ours in the target's namespace; in our own it may belong to anybody.
    let foreign =
        inventory.processes.iter().filter(|p| p.netns != own_space && spaces.contains(&p.netns));
    put("listening sockets", Ok(foreign.flat_map(listeners).collect()));
    // Burners and proxies: our program inside the target's cgroup or namespace.
    let own = std::process::id();
    let guests = inventory.processes.iter().filter(|p| {
        let inside = (p.cgroup != "/" && cgroups.contains(p.cgroup.as_str()))
            || (p.netns != own_space && spaces.contains(&p.netns));
        let ours = inventory.own.contains(&p.process.pid)
            || p.executable.starts_with("squall")
            || p.name.starts_with("squall");
        inside && ours && !pids.contains(&p.process.pid)
    });
    let guests = guests.filter(|p| p.process.pid != own);
    put("squall processes", Ok(guests.map(|p| format!("{} {}", p.name, p.process.pid)).collect()));
    put("interfaces and routes", Ok(pids.iter().flat_map(|pid| network(*pid)).collect()));
    fingerprint
}

fn stopped() -> BTreeSet<String> {
    let all = process::all().into_iter().filter(|(_, stat)| stat.state == 'T');
    all.map(|(pid, stat)| format!("{} {pid}", stat.name)).collect()
}

fn traced(pids: &[u32]) -> BTreeSet<String> {
    let traced = pids.iter().filter_map(|pid| Some((pid, process::tracer(*pid)?)));
    traced.map(|(pid, tracer)| format!("{pid} by {tracer}")).collect()
}

fn pinned() -> Facts {
    let entries = match fs::read_dir("/sys/fs/bpf") {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error.to_string()),
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.contains("squall")).collect())
}

/// Where a group of the version 2 tree is in the file system.
fn directory(group: &str) -> Option<PathBuf> {
    let tree = cgroup::trees().ok()?.into_iter().find(|tree| tree.v2)?;
    Some(tree.mount.join(group.trim_start_matches('/')))
}

fn limits(group: &str) -> Vec<String> {
    let Some(dir) = directory(group) else { return Vec::new() };
    let files = ["cgroup.freeze", "cpu.max", "cpu.weight", "memory.max", "memory.high", "io.max"];
    let read = |file: &&str| {
        let value = fs::read_to_string(dir.join(file)).ok()?;
        Some(format!("{group} {file} {}", value.trim().replace('\n', ", ")))
    };
    files.iter().filter_map(read).collect()
}

fn children(group: &str) -> Vec<String> {
    // The root's children are everybody's; a fault's own group below it carries our name.
    let entries = directory(group).and_then(|dir| fs::read_dir(dir).ok());
    let dirs = entries.into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    let names = dirs.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| group != "/" || name.contains("squall"));
    names.map(|name| format!("{}/{name}", group.trim_end_matches('/'))).collect()
}

fn listeners(process: &Process) -> Vec<String> {
    let line = |address| format!("net:[{}] {address} {}", process.netns, process.name);
    process.listening.iter().map(line).collect()
}

fn network(pid: u32) -> Vec<String> {
    let Some(space) = netns(pid) else { return Vec::new() };
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/net/{file}"));
    let devices = read("dev").unwrap_or_default();
    let devices =
        devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
    let devices = devices.map(|device| format!("net:[{space}] {device}"));
    let routes = read("route").unwrap_or_default();
    let routes = routes.lines().skip(1).map(|line| {
        // Interface, destination and gateway; the counters after them change by themselves.
        let fields: Vec<&str> = line.split_ascii_whitespace().take(3).collect();
        format!("net:[{space}] route {}", fields.join(" "))
    });
    devices.chain(routes).collect()
}
