//! Confines a thread that reads what others sent: it keeps the three privileges that carrying
//! their connections on takes, and system calls by which a mistake in a parser would become
//! somebody else's process, file system or kernel are refused.
//!
//! Threads share their memory, so this is a second line: the first is that no parser has a line
//! of unsafe code.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::collections::BTreeMap;
use std::io;

/// What a thread that carries connections on keeps: its maps, and transparent sockets.
const KEPT: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::PERFMON);

/// How far a confined thread may raise its own priority: to a niceness of -10, as the limit counts
/// it. A thread that holds messages would let them go late on a busy host without. The privilege
/// itself would let it change the priority of anybody.
const NICENESS: u64 = 20 + 10;

/// Calls that no parser makes.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_keyctl,
    libc::SYS_perf_event_open,
];

/// Confines the calling thread for the rest of its life.
///
/// # Errors
/// The kernel's answer; the thread must not go on then.
pub(crate) fn confine() -> io::Result<()> {
    allow_niceness();
    let mut sets = capabilities(None)?;
    sets.effective &= KEPT;
    sets.permitted &= KEPT;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    // A filter needs it where nobody is privileged any more.
    rustix::thread::set_no_new_privs(true)?;
    apply_filter(&filter().map_err(io::Error::other)?).map_err(io::Error::other)
}

/// Lets threads of this process raise their priority without a privilege; they are merely less
/// exact where that is refused.
fn allow_niceness() {
    let limit = getrlimit(Resource::Nice);
    let lower = |now: Option<u64>| now.is_some_and(|now| now < NICENESS);
    if lower(limit.current) {
        let maximum = if lower(limit.maximum) { Some(NICENESS) } else { limit.maximum };
        let _refused = setrlimit(Resource::Nice, Rlimit { current: Some(NICENESS), maximum });
    }
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let rules: BTreeMap<i64, _> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let here: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, here)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::setpriority_process;

    #[test]
    fn a_confined_thread_may_hurry_and_no_more() {
        let confined = || {
            confine()?;
            let limit = getrlimit(Resource::Nice).current;
            let [hurries, more] = [-10, -11].map(|to| setpriority_process(None, to).is_ok());
            Ok::<_, io::Error>((hurries == limit.is_none_or(|now| now >= NICENESS), more))
        };
        let hurried = std::thread::spawn(confined).join().expect("the thread lives");
        // Whoever may not raise the limit keeps the priority that everybody has.
        assert_eq!(hurried.expect("it is confined"), (true, false));
    }

    #[test]
    fn a_confined_thread_starts_no_program_and_still_listens() {
        let confined = || {
            confine()?;
            let started = std::process::Command::new("true").spawn();
            let listens = std::net::TcpListener::bind("127.0.0.1:0")?;
            let dialed = std::net::TcpStream::connect(listens.local_addr()?)?;
            drop(dialed);
            Ok::<_, io::Error>(started.map(drop).map_err(|why| why.kind()))
        };
        let started = std::thread::spawn(confined).join().expect("the thread lives");
        let started = started.expect("it is confined and serves");
        assert_eq!(started, Err(io::ErrorKind::PermissionDenied));
        let mut free = std::process::Command::new("true").spawn().expect("other threads may");
        assert!(free.wait().is_ok_and(|status| status.success()));
    }
}
