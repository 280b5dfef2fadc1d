//! Every packet that is meant is dropped at the target's cgroup, silently for datagrams; TCP keeps
//! the timers it would have on a dead path.

use crate::effect::{Effect, EffectError};
use crate::sys::armed::{Armed, Object};
use crate::sys::packets::{Hooks, PacketFault};
use aya::programs::CgroupSkbAttachType;
use std::fs::File;

/// The effect.
pub static EFFECT: &dyn Effect = &PARTITION;

static PARTITION: PacketFault = PacketFault {
    object: &Object {
        what: "packet programs on a cgroup",
        name: "partition",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    arriving: Hooks { cgroup: Some("squall_part_in"), device: Some("squall_part_tcx_in") },
    leaving: Hooks { cgroup: Some("squall_part_out"), device: Some("squall_part_tcx_out") },
    rule: |_, _| {},
    hit: "dropped",
    cannot: "",
};

/// Loads the programs and attaches them to a cgroup, without a rule.
pub(crate) fn trial(cgroup: &File) -> Result<(), EffectError> {
    let mut armed = Armed::load(PARTITION.object)?;
    armed.on_cgroup("squall_part_in", cgroup, CgroupSkbAttachType::Ingress)?;
    armed.on_cgroup("squall_part_out", cgroup, CgroupSkbAttachType::Egress)
}
