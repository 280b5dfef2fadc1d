//! Chosen packets are sent once more on their own device.

use crate::effect::{Effect, EffectError};
use crate::sys::armed::{Armed, Object};
use crate::sys::packets::{Hooks, PacketFault};
use aya::programs::tc::TcAttachType;

/// The effect.
pub static EFFECT: &dyn Effect = &DUPLICATE;

static DUPLICATE: PacketFault = PacketFault {
    object: &Object {
        what: "packet programs on a device (tcx)",
        name: "duplicate",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    arriving: Hooks { cgroup: None, device: None },
    leaving: Hooks { cgroup: None, device: Some("squall_duplicate") },
    rule: |_, _| {},
    hit: "doubled",
    cannot: "one choice for what segmentation offload sends as one",
};

/// Loads the program and attaches it to the loopback device of the calling thread's namespace,
/// without a rule.
pub(crate) fn trial() -> Result<(), EffectError> {
    let mut armed = Armed::load(DUPLICATE.object)?;
    armed.on_devices("squall_duplicate", &["lo".to_owned()], TcAttachType::Egress)
}
