//! Answers with other addresses, or with those of another name.

use crate::dns::effect::Questions;
use crate::effect::Effect;
use crate::values::Checked;
use squall_proxy::dns;
use squall_proxy::dns::{Name, Wrong};
use std::net::IpAddr;

/// The effect.
pub static EFFECT: &dyn Effect = &Questions { effect, hurt: "answered wrongly" };

fn effect(values: &Checked) -> dns::Effect {
    let addresses = || values.list("address").iter().filter_map(|text| text.parse().ok());
    let v4 = |address| match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    };
    let v6 = |address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    };
    dns::Effect::Answer(Wrong {
        v4: addresses().filter_map(v4).collect(),
        v6: addresses().filter_map(v6).collect(),
        alias: values.text("cname").and_then(Name::parse),
        ttl_s: u32::try_from(values.duration("ttl").as_secs()).unwrap_or(0),
    })
}
