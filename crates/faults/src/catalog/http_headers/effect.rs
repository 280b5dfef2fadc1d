//! The rule that the values ask for.

use crate::effect::Effect as FaultEffect;
use crate::http::effect::Requests;
use crate::values::Checked;
use squall_proxy::{Edit, Effect};

/// The effect.
pub static EFFECT: &dyn FaultEffect = &Requests { grpc: false, effect, hurt: "changed" };

fn effect(values: &Checked) -> Effect {
    let add = values.text("add").and_then(|pair| pair.split_once(['=', ':']));
    let add = add.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    let remove = values.list("remove").to_vec();
    Effect::Edit(Edit { add: add.into_iter().collect(), remove })
}
