//! How `process.restart` is seen from outside: the process is gone and another one answers.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("by", "parent"), ("within", "5s")],
    victim: Victim::supervised,
    ..Case::of("process.restart", Seen::Ends(is_back))
};

fn is_back(victim: &Victim) -> bool {
    victim.is_gone() && victim.get("/").is_ok_and(|body| body == "hello")
}
