//! What a fault acts on, resolved to one process, and the inventory it was chosen from.

use crate::identity::ProcessIdentity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// One concrete target: a process as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The name a person reads, for example `payment-1`.
    pub name: String,
    /// The service it is an instance of.
    pub service: String,
    /// The process.
    pub process: ProcessIdentity,
    /// Inode of its network namespace.
    pub netns: u64,
    /// Its cgroup v2 path below the mount point, `/` for the root group.
    pub cgroup: String,
    /// The addresses it listens on.
    pub listening: Vec<SocketAddr>,
    /// The probes it has registered with the agent, where it has the SDK.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
}

/// Everything the planner may know of one running process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The process.
    pub process: ProcessIdentity,
    /// Parent pid.
    pub parent: u32,
    /// `comm`, at most 15 bytes.
    pub name: String,
    /// Base name of the executable, empty for a kernel thread.
    pub executable: String,
    /// The command line, cut to its first words.
    pub command: Vec<String>,
    /// Effective user id.
    pub uid: u32,
    /// Inode of its network namespace.
    pub netns: u64,
    /// Its cgroup v2 path below the mount point.
    pub cgroup: String,
    /// The systemd unit, where the cgroup path names one.
    pub unit: Option<String>,
    /// The container id, where the cgroup path names one.
    pub container: Option<String>,
    /// The addresses it listens on.
    pub listening: Vec<SocketAddr>,
    /// The probes it has registered with the agent, where it has the SDK.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
}

/// The processes of one host at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Host name, for people.
    pub host: String,
    /// All processes that could be read.
    pub processes: Vec<Process>,
    /// Processes that are Squall itself or its ancestors: never a target.
    pub own: Vec<u32>,
    /// The addresses of each network namespace, by its inode; absent where they could not be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<u64, Vec<IpAddr>>,
}
