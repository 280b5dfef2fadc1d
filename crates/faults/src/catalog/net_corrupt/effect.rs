//! One bit of the data, with its checksum made right again, or an IP header that no receiver
//! takes: offload makes everything between the two depend on the devices on the way.

use crate::effect::Effect;
use crate::sys::armed::Object;
use crate::sys::packets::{Hooks, PacketFault};

/// `PAYLOAD` and `HEADER` of the program.
const PAYLOAD: u32 = 1;
const HEADER: u32 = 2;

/// The effect.
pub static EFFECT: &dyn Effect = &PacketFault {
    object: &Object {
        what: "packet damage by BPF",
        name: "corrupt",
        bytes: aya::include_bytes_aligned!("effect.bpf.o"),
    },
    arriving: Hooks { cgroup: None, device: None },
    leaving: Hooks { cgroup: None, device: Some("squall_corrupt") },
    rule: |values, rule| rule.mode = if values.word("part") == "header" { HEADER } else { PAYLOAD },
    hit: "damaged",
    cannot: "one choice for what segmentation offload sends as one",
};
