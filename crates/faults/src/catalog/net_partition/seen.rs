//! How `net.partition` is seen from outside: the target's dials hang.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("port", "8081")],
    ..Case::of("net.partition", Seen::While(Victim::dials_hang))
};
