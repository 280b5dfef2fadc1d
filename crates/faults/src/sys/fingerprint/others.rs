//! Other agents on this host, and the BPF objects that they have in their hands. What they hold is
//! theirs to undo and theirs to tell of; to whoever asks another agent it is no residue.
//!
//! Only a living agent's open descriptors count. What a dead agent left is held by nobody, or by a
//! process that is no agent, and stays a fact.

use crate::sys::process;
use std::collections::BTreeSet;
use std::fs;

/// What the name of any process of Squall begins with.
const MARK: &str = "squall";
/// The word after the program's name that makes a process an agent.
const ROLE: &str = "agent";

/// The agents among these processes, without this one.
pub fn other_agents(all: &[(u32, process::Stat)]) -> Vec<u32> {
    let own = std::process::id();
    let is_agent = |pid: u32, stat: &process::Stat| {
        pid != own
            && stat.name.starts_with(MARK)
            && !matches!(stat.state, 'Z' | 'X')
            && process::command_line(pid).get(1).is_some_and(|word| word == ROLE)
    };
    all.iter().filter(|(pid, stat)| is_agent(*pid, stat)).map(|(pid, _)| *pid).collect()
}

/// BPF objects by their number in the kernel.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) programs: BTreeSet<u32>,
    pub(super) links: BTreeSet<u32>,
}

impl Held {
    /// What these processes have a descriptor of. One that has ended meanwhile holds nothing.
    pub(super) fn by(pids: &[u32]) -> Held {
        let mut held = Held::default();
        for pid in pids {
            let open = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten();
            for entry in open.flatten() {
                held.note(&fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        held
    }

    /// A link's text names its program, too.
    fn note(&mut self, text: &str) {
        let number = |word: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
            rest.trim().parse::<u32>().ok()
        };
        self.programs.extend(number("prog_id:"));
        self.links.extend(number("link_id:"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_links_are_read_from_what_the_kernel_says_of_a_descriptor() {
        let mut held = Held::default();
        held.note("pos:\t0\nflags:\t02000002\nprog_type:\t6\nprog_id:\t41\nrun_time_ns:\t0\n");
        held.note("pos:\t0\nlink_type:\tcgroup\nlink_id:\t7\nprog_tag:\t55\nprog_id:\t42\n");
        held.note("pos:\t0\nflags:\t0100000\nmnt_id:\t27\n");
        assert_eq!(held.programs, BTreeSet::from([41, 42]));
        assert_eq!(held.links, BTreeSet::from([7]));
    }
}
