//! How `grpc.status` is seen from outside.

use crate::http::{NEEDS, call, serving_grpc};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case =
    Case { victim: serving_grpc, needs: NEEDS, ..Case::of("grpc.status", Seen::While(shows)) };

fn shows(victim: &Victim) -> bool {
    call(victim).contains("grpc-status: 14")
}
