//! A child process that burns CPU time: its own main function, and how it is started.
//!
//! It dies with the thread that started it, with its input, or at the end of its lease,
//! whichever comes first.

use crate::sys::clock;
use rustix::process::Signal;
use rustix::time::ClockId;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// The hidden first argument that makes a binary a burner.
pub const BURN_ARGUMENT: &str = "__squall-burn";
/// Its name in lists of processes.
pub const BURN_NAME: &str = "squall-burn";

/// One round of burning; short, so that the load is even and a full core stays responsive.
const SLICE_NS: u64 = 200_000;
/// The longest sleep between two rounds; the lease is looked at after each.
const SLEEP_NS_MAX: u64 = 5_000_000;
/// What could not be burned because the core was busy is caught up only this far.
const DEBT_NS_MAX: u64 = 100_000_000;

/// How a burner is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Arguments before [`BURN_ARGUMENT`].
    pub arguments: Vec<String>,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

/// Names another executable than this process's own; the first call wins. Its main function
/// must call [`main`] with what follows [`BURN_ARGUMENT`].
pub fn burn_with(program: Program) {
    let _first_wins = PROGRAM.set(program);
}

/// What a burner does, as its arguments say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Makes it findable in the list of processes.
    pub(crate) token: String,
    /// The share of each core, 0 to 1.
    pub(crate) share: f64,
    /// How many threads burn.
    pub(crate) cores: u32,
}

impl Load {
    fn arguments(&self) -> [String; 4] {
        let (share, cores) = (self.share.to_string(), self.cores.to_string());
        [BURN_ARGUMENT.to_owned(), self.token.clone(), share, cores]
    }

    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Load> {
        let mut next = || arguments.next()?.into_string().ok();
        let (token, share, cores) = (next()?, next()?.parse().ok()?, next()?.parse().ok()?);
        (share > 0.0 && share <= 1.0 && cores > 0).then_some(Load { token, share, cores })
    }
}

/// Starts a burner that waits for its first lease. It dies with the calling thread.
pub(crate) fn start(load: &Load) -> io::Result<Child> {
    let own = || Program { path: "/proc/self/exe".into(), arguments: Vec::new() };
    let program = PROGRAM.get_or_init(own);
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).args(load.arguments());
    command.env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let parent = rustix::process::getpid();
    let die_with_parent = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that died before the line above sends nothing any more.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::Error::other("the parent is gone")),
        }
    };
    // SAFETY: between fork and exec only two system calls are made; nothing allocates but the
    // error of a child that will not run.
    unsafe { command.pre_exec(die_with_parent) };
    command.spawn()
}

/// The main function of a burner; `arguments` are those after [`BURN_ARGUMENT`].
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(load) = Load::parse(arguments) else {
        eprintln!("a burner is started by an agent, not by hand");
        return ExitCode::from(2);
    };
    // The name of the whole process, whichever thread this is; without it only tables suffer.
    let _named = std::fs::write("/proc/self/comm", BURN_NAME);
    // Where memory runs out the kernel shall take the burner, not the target.
    let _as_before = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut input = io::stdin().lock();
    let Some(lease_ns) = lease(&mut input) else { return ExitCode::SUCCESS };
    let lease_ns = Arc::new(AtomicU64::new(lease_ns));
    for _ in 0..load.cores {
        let (share, lease_ns) = (load.share, Arc::clone(&lease_ns));
        thread::spawn(move || burn(share, &lease_ns));
    }
    while let Some(next_ns) = lease(&mut input) {
        lease_ns.store(next_ns, Ordering::Relaxed);
    }
    ExitCode::SUCCESS
}

/// Reads the next end of the lease on the boot clock; `None` once nobody writes any more.
fn lease(input: &mut impl Read) -> Option<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

/// Burns a share of a core until the lease ends, and the process with it.
fn burn(share: f64, lease_ns: &AtomicU64) {
    let (wall, own) = (clock::monotonic_ns(), own_ns());
    // Moves forward by what was missed for good.
    let mut forgiven_ns = 0;
    loop {
        if clock::boottime_ns() >= lease_ns.load(Ordering::Relaxed) {
            std::process::exit(0);
        }
        let elapsed_ns = clock::monotonic_ns() - wall;
        let wanted_ns = ((elapsed_ns as f64 * share) as u64).saturating_sub(forgiven_ns);
        let burned_ns = own_ns() - own;
        if burned_ns < wanted_ns {
            forgiven_ns += (wanted_ns - burned_ns).saturating_sub(DEBT_NS_MAX);
            spin(SLICE_NS);
        } else {
            let ahead_ns = (burned_ns - wanted_ns) as f64 / share;
            let sleep_ns = (ahead_ns as u64).clamp(SLICE_NS, SLEEP_NS_MAX);
            thread::sleep(Duration::from_nanos(sleep_ns));
        }
    }
}

fn spin(length_ns: u64) {
    let end = own_ns() + length_ns;
    let mut number = end | 1;
    while own_ns() < end {
        for _ in 0..1_000 {
            number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17);
        }
        std::hint::black_box(number);
    }
}

fn own_ns() -> u64 {
    clock::read(ClockId::ThreadCPUTime)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn arguments_read_back_and_nonsense_is_no_load() {
        let load = Load { token: "t".to_owned(), share: 0.25, cores: 3 };
        let parse = |words: &[String]| Load::parse(words.iter().map(OsString::from));
        assert_eq!(parse(&load.arguments()[1..]).unwrap(), load);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["t 0 1", "t 1.5 1", "t 0.5 0", "t NaN 1", "t 0.5", ""] {
            assert_eq!(parse(&words(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_share_is_burned_not_more() {
        let (wall, own) = (clock::monotonic_ns(), own_ns());
        spin(3_000_000);
        let burned = own_ns() - own;
        assert!((3_000_000..10_000_000).contains(&burned), "{burned}");
        assert!(clock::monotonic_ns() - wall >= 3_000_000 - 1_000_000);
    }
}
