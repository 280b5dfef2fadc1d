//! Mounts, name resolution, kernel settings and named namespaces.

use super::{Facts, hash};
use std::collections::BTreeSet;
use std::fs;
use std::io;

/// Settings that faults of the network, or their debris, would change.
const SYSCTLS: &[&str] = &[
    "kernel/core_pattern",
    "net/core/default_qdisc",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_nonlocal_bind",
    "net/ipv4/tcp_congestion_control",
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/all/forwarding",
    "vm/overcommit_memory",
];
/// File systems that container engines mount and unmount as they please.
const TRANSIENT: &[&str] = &["autofs", "nsfs", "overlay", "ramfs"];
const TRANSIENT_BELOW: &[&str] =
    &["/run/docker", "/run/user", "/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet"];
const RESOLVER: &[&str] = &["etc/hosts", "etc/nsswitch.conf", "etc/resolv.conf"];

/// Mount points as Squall and as each of the processes sees them.
pub(super) fn mounts(pids: &[u32]) -> Facts {
    let mut tables = BTreeSet::from([fs::read_to_string("/proc/self/mounts")?]);
    tables.extend(
        pids.iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/mounts")).ok()),
    );
    let mut facts = BTreeSet::new();
    for line in tables.iter().flat_map(|table| table.lines()) {
        let mut words = line.split(' ').skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else { continue };
        let transient = TRANSIENT.contains(&kind)
            || TRANSIENT_BELOW.iter().any(|folder| point.starts_with(folder));
        if !transient {
            facts.insert(format!("{point} {kind}"));
        }
    }
    Ok(facts.into_iter().collect())
}

/// The files that decide what a name means, for Squall and for each of the processes.
pub(super) fn resolver(pids: &[u32]) -> Facts {
    let mut facts = BTreeSet::new();
    let roots = pids.iter().map(|pid| format!("/proc/{pid}/root"));
    for root in roots.chain([String::new()]) {
        for file in RESOLVER {
            match fs::read(format!("{root}/{file}")) {
                Ok(bytes) => facts.insert(format!("/{file} {:016x}", hash(&bytes))),
                Err(_absent) => continue,
            };
        }
    }
    Ok(facts.into_iter().collect())
}

pub(super) fn sysctls() -> Facts {
    let mut facts = Vec::new();
    for name in SYSCTLS {
        match fs::read_to_string(format!("/proc/sys/{name}")) {
            Ok(value) => facts.push(format!("{} {}", name.replace('/', "."), value.trim())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(facts)
}

pub(super) fn named_namespaces() -> Facts {
    match fs::read_dir("/run/netns") {
        Ok(entries) => {
            let names = entries.flatten().map(|entry| entry.file_name());
            Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
