//! The worker's own side: its main function and the lease it works under.

use super::{FAILED, READY, WORK_NAME, parse};
use crate::catalog;
use crate::sys::{clock, process};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The lease a worker works under.
#[derive(Debug, Clone)]
pub struct Leash {
    lease_ns: Arc<AtomicU64>,
}

impl Leash {
    /// True once the lease ended. The process ends by itself then; work that must not begin
    /// another round looks here.
    pub fn ended(&self) -> bool {
        clock::boottime_ns() >= self.lease_ns.load(Ordering::Relaxed)
    }
}

/// The main function of a worker; `arguments` are those after [`super::WORK_ARGUMENT`].
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let task = parse(arguments)
        .and_then(|(fault, score, words)| Some((catalog::find(&fault)?, score, words)));
    let Some((entry, oom_score, words)) = task else {
        eprintln!("a worker is started by an agent, not by hand");
        return ExitCode::from(2);
    };
    process::call_itself(WORK_NAME);
    let _as_before = std::fs::write("/proc/self/oom_score_adj", oom_score.to_string());
    // Unbuffered, so that what is not read yet can be waited for.
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut input = File::from(input);
    let Some(lease_ns) = lease(&mut input) else { return ExitCode::SUCCESS };
    let leash = Leash { lease_ns: Arc::new(AtomicU64::new(lease_ns)) };
    if write!(io::stdout(), "{READY}").and_then(|()| io::stdout().flush()).is_err() {
        return ExitCode::FAILURE;
    }
    let on_leash = leash.clone();
    thread::spawn(move || {
        // Work that is done leaves what it made in place; it goes with the process.
        if let Err(reason) = entry.effect.work(&words, &on_leash) {
            let _nobody_listens = writeln!(io::stdout(), "{FAILED}{reason}");
            std::process::exit(1);
        }
    });
    while let Some(next_ns) = next(&mut input, &leash) {
        leash.lease_ns.store(next_ns, Ordering::Relaxed);
    }
    std::process::exit(0)
}

/// Waits for the next end of the lease without waking up meanwhile; `None` once the last one
/// passed or nobody writes any more.
fn next(input: &mut File, leash: &Leash) -> Option<u64> {
    loop {
        let left_ns = leash.lease_ns.load(Ordering::Relaxed).saturating_sub(clock::boottime_ns());
        if left_ns == 0 {
            return None;
        }
        let left = Duration::from_nanos(left_ns);
        let wait = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut ends = [PollFd::new(&*input, PollFlags::IN)];
        if poll(&mut ends, Some(&wait)).is_ok_and(|ready| ready > 0) {
            return lease(input);
        }
    }
}

/// Reads the next end of the lease on the boot clock; `None` once nobody writes any more.
fn lease(input: &mut impl Read) -> Option<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}
