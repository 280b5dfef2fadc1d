//! Leaving packets are redirected to a device that does not exist: TCP believes them sent, as on
//! a real path. Arriving ones are dropped at the target's cgroup.

use crate::effect::Effect;
use crate::sys::armed::Object;
use crate::sys::packets::{Hooks, PacketFault};

/// The effect.
pub static EFFECT: &dyn Effect = &PacketFault {
    object: &Object {
        what: "packet loss by BPF",
        name: "loss",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    arriving: Hooks { cgroup: Some("squall_loss_own"), device: Some("squall_loss_in") },
    leaving: Hooks { cgroup: None, device: Some("squall_loss_out") },
    rule: |_, _| {},
    hit: "lost",
    cannot: "one choice for what segmentation offload sends as one",
};
