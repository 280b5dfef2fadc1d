//! A BPF program on the target's cgroup answers `connect` in the kernel's stead.

use crate::effect::{Effect, EffectError};
use crate::sys::armed::{Armed, Object};
use crate::sys::calls::CallFault;
use std::fs::File;

/// The effect.
pub static EFFECT: &dyn Effect = &REFUSE;

static REFUSE: CallFault = CallFault {
    object: &Object {
        what: "a cgroup connect program",
        name: "refuse",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    programs: &["squall_refuse4", "squall_refuse6"],
    hooks: "connect4/6",
    rule: |_, _| {},
    what: "connections",
    hit: "refused",
    none: "the target opened no connection",
};

/// Loads the programs and attaches them to a cgroup, without a rule.
pub(crate) fn trial(cgroup: &File) -> Result<(), EffectError> {
    let mut armed = Armed::load(REFUSE.object)?;
    REFUSE.programs.iter().try_for_each(|program| armed.on_calls(program, cgroup))
}
