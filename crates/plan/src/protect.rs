//! What is never touched, whoever asks.

use crate::inputs::Inputs;
use crate::select::Known;
use squall_spec::Protected;
use squall_wire::target::Process;

/// Losing one of these loses the machine or the way to mend it.
const PROTECTED_NAMES: [(&str, &str); 22] = [
    ("sshd", "the way in"),
    ("sshd-session", "the way in"),
    ("dropbear", "the way in"),
    ("systemd", "the machine's manager"),
    ("systemd-journald", "the machine's log"),
    ("systemd-logind", "the way in"),
    ("systemd-networkd", "the machine's network"),
    ("systemd-resolved", "the machine's DNS"),
    ("systemd-udevd", "the machine's devices"),
    ("init", "the machine's manager"),
    ("dbus-daemon", "the machine's bus"),
    ("NetworkManager", "the machine's network"),
    ("kubelet", "the node's manager"),
    ("kube-apiserver", "the cluster's manager"),
    ("containerd", "the containers' manager"),
    ("containerd-shim-runc-v2", "the containers' manager"),
    ("dockerd", "the containers' manager"),
    ("crio", "the containers' manager"),
    ("conmon", "the containers' manager"),
    ("squall", "Squall itself"),
    ("login", "the way in"),
    ("agetty", "the way in"),
];
/// The port people mend machines through.
const SSH_PORT: u16 = 22;

/// Returns why a process is never touched, if so.
pub(crate) fn protection(
    inputs: &Inputs<'_>,
    known: &Known<'_>,
    process: &Process,
) -> Option<String> {
    let pid = process.process.pid;
    if pid <= 1 {
        return Some("the first process of the machine".to_owned());
    }
    if inputs.inventory.own.contains(&pid) {
        return Some("Squall or what started it".to_owned());
    }
    // A kernel thread has neither; a process that may not be looked into still has its words.
    if process.executable.is_empty() && process.command.is_empty() {
        return Some("a thread of the kernel".to_owned());
    }
    let called = |name: &str| process.executable == name || process.name == name;
    if let Some((_, why)) = PROTECTED_NAMES.iter().find(|(name, _)| called(name)) {
        return Some((*why).to_owned());
    }
    if process.listening.iter().any(|at| at.port() == SSH_PORT) {
        return Some("the way in".to_owned());
    }
    let policy = inputs.policy?;
    let hit = policy.protected.iter().find(|protected| match protected {
        Protected::Process(name) => {
            let cut = name.get(..15).unwrap_or(name);
            called(name) || process.name == cut
        }
        Protected::Port(port) => process.listening.iter().any(|at| at.port() == port.value),
        Protected::Service(service) => {
            known.service_of(process) == Some(service.as_str()) || called(service)
        }
    });
    hit.map(|_| format!("policy {} says so", policy.name))
}
