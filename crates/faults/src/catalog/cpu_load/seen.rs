//! How `cpu.load` is seen from outside: the target's cgroup uses more CPU time than the target.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::{Duration, Instant};

pub(crate) const CASE: Case =
    Case { with: &[("percent", "50%")], ..Case::of("cpu.load", Seen::While(burns)) };

fn burns(victim: &Victim) -> bool {
    let mount = squall_real::lab::cgroup2_mount().unwrap();
    let file = mount.join(victim.target.cgroup.trim_start_matches('/')).join("cpu.stat");
    let used = || {
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let (before, start) = (used(), Instant::now());
    std::thread::sleep(Duration::from_millis(200));
    // Half a core is asked for; the target itself uses far less than a tenth.
    (used() - before) as u128 * 5 > start.elapsed().as_micros()
}
