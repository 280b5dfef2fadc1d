//! How `net.loss` is seen from outside: the target's dials hang, their first packets are lost.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("share", "100%")],
    filters: &[("port", "8081"), ("protocol", "tcp")],
    ..Case::of("net.loss", Seen::While(Victim::dials_hang))
};
