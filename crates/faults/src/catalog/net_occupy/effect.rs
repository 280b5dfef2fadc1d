//! A BPF program on the target's cgroup answers `bind` in the kernel's stead: the port itself is
//! left alone, so that nobody else meets a stranger on it.

use crate::effect::{Effect, EffectError};
use crate::sys::armed::{Armed, Object};
use crate::sys::calls::CallFault;
use std::fs::File;

/// The effect.
pub static EFFECT: &dyn Effect = &OCCUPY;

static OCCUPY: CallFault = CallFault {
    object: &Object {
        what: "a cgroup bind program",
        name: "occupy",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    programs: &["squall_occupy4", "squall_occupy6"],
    hooks: "bind4/6",
    rule: |_, _| {},
    what: "binds",
    hit: "answered with EADDRINUSE",
    none: "the target bound no port",
};

/// Loads the programs and attaches them to a cgroup, without a rule.
pub(crate) fn trial(cgroup: &File) -> Result<(), EffectError> {
    let mut armed = Armed::load(OCCUPY.object)?;
    OCCUPY.programs.iter().try_for_each(|program| armed.on_calls(program, cgroup))
}
