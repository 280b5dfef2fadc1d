//! What the agent keeps of root's privileges, and why: everything else is given up before the
//! first connection is taken, for itself and for all it starts.

use rustix::thread::{
    CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};
use std::io;

/// One capability that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its name as `capabilities(7)` has it, in lower case and without the prefix.
    pub name: &'static str,
    /// What would not work without it.
    pub why: &'static str,
    set: CapabilitySet,
}

const fn kept(name: &'static str, set: CapabilitySet, why: &'static str) -> Kept {
    Kept { name, why, set }
}

/// All that is kept, by name.
pub const KEPT: &[Kept] = &[
    kept("bpf", CapabilitySet::BPF, "programs that redirect, refuse or drop"),
    kept("dac_override", CapabilitySet::DAC_OVERRIDE, "groups and folders of other users"),
    kept("kill", CapabilitySet::KILL, "signals to other users' processes"),
    kept("net_admin", CapabilitySet::NET_ADMIN, "queues, devices and programs on them"),
    kept("net_bind_service", CapabilitySet::NET_BIND_SERVICE, "taking a port below 1024"),
    kept("net_raw", CapabilitySet::NET_RAW, "packets that were delayed, sent on"),
    kept("perfmon", CapabilitySet::PERFMON, "programs that read the kernel's structures"),
    kept("sys_admin", CapabilitySet::SYS_ADMIN, "entering a target's namespaces"),
    kept("sys_chroot", CapabilitySet::SYS_CHROOT, "entering a target's mount namespace"),
    kept("sys_nice", CapabilitySet::SYS_NICE, "a punctual thread for delayed packets"),
    kept("sys_ptrace", CapabilitySet::SYS_PTRACE, "reading what a target has open"),
    kept("sys_resource", CapabilitySet::SYS_RESOURCE, "limits and out-of-memory scores"),
];

/// How many capabilities a set of 64 bits can name.
const BITS: u32 = 64;

/// Gives up everything but [`KEPT`], for this thread and all that come from it. To be called
/// before the first thread.
///
/// # Errors
/// The kernel's answer; nobody has ever seen one.
pub(crate) fn give_up_the_rest() -> io::Result<()> {
    let keep = KEPT.iter().fold(CapabilitySet::empty(), |all, kept| all | kept.set);
    for bit in (0..BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        if !keep.contains(bit) {
            // Bits that this kernel does not have are refused; so is everything where we are
            // root in name only, and then there is nothing to give up.
            let _ = remove_capability_from_bounding_set(bit);
        }
    }
    let mut sets = capabilities(None)?;
    sets.effective &= keep;
    sets.permitted &= keep;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    set_no_new_privs(true)?;
    Ok(())
}

/// The capabilities of a process, by number, from `/proc/PID/status`: effective ones, and those
/// that anything it starts could ever get.
pub fn of_process(pid: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    Some((field("CapEff:")?, field("CapBnd:")?))
}

/// Which of [`KEPT`] are in a set, and how many others.
pub fn named(set: u64) -> (Vec<&'static str>, u32) {
    let here = KEPT.iter().filter(|kept| set & kept.set.bits() != 0);
    let names: Vec<&'static str> = here.map(|kept| kept.name).collect();
    let others = set.count_ones().saturating_sub(u32::try_from(names.len()).unwrap_or(u32::MAX));
    (names, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_and_what_is_too_much_is_counted() {
        let two = CapabilitySet::KILL | CapabilitySet::BPF;
        assert_eq!(named(two.bits()), (vec!["bpf", "kill"], 0));
        assert_eq!(named((two | CapabilitySet::SYS_MODULE).bits()), (vec!["bpf", "kill"], 1));
        let names: Vec<_> = KEPT.iter().map(|kept| kept.name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
