//! The bench of these tests: children of their own, injections on them, and the life of a fault.

use squall_faults::catalog::find;
use squall_faults::effect::{EffectError, Holder, LeaseEnd};
use squall_faults::sys::{cgroup, clock, process};
use squall_faults::values::{Checked, check};
use squall_wire::injection::{Injection, Values};
use squall_wire::receipt::{RECEIPT_VERSION, Receipt};
use squall_wire::target::Target;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a busy machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A child that is killed when the test ends, however it ends.
pub(crate) struct Own(pub(crate) Child);

impl Own {
    pub(crate) fn spawn(command: &mut Command) -> Own {
        Own(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn sleeper() -> Own {
        Own::spawn(Command::new("sleep").arg("300"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// A cgroup of the test; removed when it is empty again.
pub(crate) struct OwnGroup(pub(crate) PathBuf);

impl OwnGroup {
    pub(crate) fn new(name: &str) -> OwnGroup {
        let root = cgroup::trees().unwrap().into_iter().find(|tree| tree.v2).unwrap().mount;
        let group = OwnGroup(root.join(format!("squall-test-{name}-{}", std::process::id())));
        std::fs::create_dir(&group.0).unwrap();
        group
    }

    pub(crate) fn take(&self, pid: u32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        let end = Instant::now() + PATIENCE;
        while std::fs::remove_dir(&self.0).is_err() && Instant::now() < end {
            std::thread::yield_now();
        }
    }
}

/// Without root the kernel tests prove nothing; they say so.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIP {test}: needs root");
    }
    root
}

/// Polls until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "still not: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Nothing on loopback takes this long by itself, and every delay here is longer.
pub(crate) const DIRECT_US_MAX: u64 = 150_000;
/// How often something quick is tried before it counts as slow.
const TRIES: usize = 8;

/// True where nothing delays it.
pub(crate) fn is_direct(took_us: impl FnMut() -> u64) -> bool {
    takes_less(DIRECT_US_MAX, took_us)
}

/// True where one of a few takes less than this: a busy machine makes any of them late, and
/// nothing makes one early that is delayed.
pub(crate) fn takes_less(us: u64, mut took_us: impl FnMut() -> u64) -> bool {
    (0..TRIES).any(|_| took_us() < us)
}

pub(crate) fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub(crate) fn lease(length: Duration) -> LeaseEnd {
    let length = u64::try_from(length.as_nanos()).unwrap();
    LeaseEnd {
        boottime_ns: clock::boottime_ns() + length,
        monotonic_ns: clock::monotonic_ns() + length,
    }
}

/// One use of a fault, up to the receipt.
pub(crate) struct Use {
    pub(crate) injection: Injection,
    pub(crate) checked: Checked,
    pub(crate) receipt: Receipt,
}

pub(crate) fn target(pid: u32, listening: Vec<SocketAddr>) -> Target {
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let cgroup = cgroup.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let netns = std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    let netns = netns.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit());
    Target {
        name: "own-1".into(),
        service: "own".into(),
        process: process::identity(pid).unwrap(),
        netns: netns.parse().unwrap(),
        cgroup: cgroup.to_owned(),
        listening,
        probes: Vec::new(),
    }
}

/// Prepares a fault; nothing is touched yet.
pub(crate) fn prepare(
    fault: &str,
    target: Target,
    with: &[(&str, &str)],
    filters: &[(&str, &str)],
) -> Result<Use, EffectError> {
    let entry = find(fault).unwrap();
    let checked = check(entry.fault, &values(with), &values(filters)).unwrap();
    let process = target.process;
    let injection = Injection {
        id: "i1".into(),
        run: format!("t{}", process.pid),
        fault: fault.into(),
        params: values(with),
        filters: values(filters),
        target,
        lease_ms: 5000,
        cap_ms: 60_000,
        seed: 7,
    };
    let undo = entry.effect.prepare(&injection, &checked)?;
    let receipt = Receipt {
        v: RECEIPT_VERSION,
        id: format!("r-{}-i1", injection.run),
        run: injection.run.clone(),
        injection: injection.id.clone(),
        fault: fault.into(),
        target: injection.target.name.clone(),
        process,
        boot: clock::boot_id().unwrap(),
        at_unix_ms: 0,
        undo,
    };
    // As a journal would give it back.
    let text = serde_json::to_string(&receipt).unwrap();
    let receipt = serde_json::from_str(&text).unwrap();
    Ok(Use { injection, checked, receipt })
}

impl Use {
    /// Makes it another injection of the same run.
    pub(crate) fn rename(&mut self, id: &str) {
        self.injection.id = id.into();
        let effect = find(&self.injection.fault).unwrap().effect;
        self.receipt.undo = effect.prepare(&self.injection, &self.checked).unwrap();
        self.receipt.injection = id.into();
    }

    pub(crate) fn apply(&self) -> Box<dyn Holder> {
        self.apply_for(Duration::from_secs(30))
    }

    pub(crate) fn apply_for(&self, length: Duration) -> Box<dyn Holder> {
        self.try_apply(lease(length)).unwrap_or_else(|error| panic!("apply: {error}"))
    }

    pub(crate) fn try_apply(&self, lease: LeaseEnd) -> Result<Box<dyn Holder>, EffectError> {
        let effect = find(&self.injection.fault).unwrap().effect;
        effect.apply(&self.injection, &self.checked, &self.receipt, lease)
    }

    pub(crate) fn revert(&self) {
        find(&self.injection.fault).unwrap().effect.revert(&self.receipt).unwrap();
    }

    pub(crate) fn residue(&self) -> Vec<String> {
        find(&self.injection.fault).unwrap().effect.residue(&self.receipt).unwrap()
    }
}
