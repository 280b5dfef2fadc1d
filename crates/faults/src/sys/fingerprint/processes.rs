//! Processes that are stopped, traced or limited, and those of Squall that work for a fault.

use crate::sys::process::{self, Stat};
use crate::sys::worker::WORK_ARGUMENT;
use squall_wire::fingerprint::OF_TARGET;

/// The part of a command line that names a process; the rest may hold secrets.
const WORDS_SHOWN: usize = 2;

/// Stopped processes by name, because pids change by themselves, the given ones and what descends
/// from them marked; and Squall's own children.
pub(super) fn stopped_and_own(all: &[(u32, Stat)], pids: &[u32]) -> (Vec<String>, Vec<String>) {
    let (mut stopped, mut own) = (Vec::new(), Vec::new());
    let below =
        |root: &u32| process::descendants_among(all, *root).into_iter().map(|found| found.pid);
    for (pid, stat) in all {
        let pid = *pid;
        // The state a tracer's stop shows is `t`.
        if stat.state == 'T' {
            let of_target = pids.contains(&pid) || pids.iter().flat_map(below).any(|p| p == pid);
            let mark = if of_target { OF_TARGET } else { "" };
            stopped.push(named(&stat.name, pid) + mark);
        }
        // Any process may call itself so; the argument is what starts a worker.
        // One whose parent lives is that agent's, and dies with it: of no concern to another agent.
        let is_near = stat.parent == std::process::id() || stat.parent <= 1;
        let may_work = stat.name.starts_with("squall") && stat.state != 'Z' && is_near;
        if may_work && process::command_line(pid).iter().any(|word| word == WORK_ARGUMENT) {
            own.push(format!("{} pid {pid}", stat.name));
        }
    }
    (stopped, own)
}

pub(super) fn traced(pids: &[u32]) -> Vec<String> {
    let traced = pids.iter().filter_map(|pid| Some((pid, process::tracer(*pid)?)));
    traced.map(|(pid, tracer)| format!("pid {pid} by pid {tracer}")).collect()
}

/// The limits of the processes themselves, of which a fault lowers some.
pub(super) fn limits(pids: &[u32]) -> Vec<String> {
    let of = |pid: &u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Max open files"))?;
        let words = line.split_ascii_whitespace().skip(3).take(2).collect::<Vec<_>>();
        let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).ok()?;
        let (files, score) = (words.join(" of "), score.trim());
        Some(format!("pid {pid} open files {files}, out-of-memory score {score}"))
    };
    pids.iter().filter_map(of).collect()
}

fn named(name: &str, pid: u32) -> String {
    let words = process::command_line(pid);
    format!("{name}: {}", words[..words.len().min(WORDS_SHOWN)].join(" "))
}
