//! How `grpc.delay` is seen from outside.

use crate::http::{NEEDS, call, serving_grpc};
use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::Instant;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "150ms")],
    victim: serving_grpc,
    needs: NEEDS,
    ..Case::of("grpc.delay", Seen::While(shows))
};

fn shows(victim: &Victim) -> bool {
    let start = Instant::now();
    call(victim).contains("grpc-status: 0") && start.elapsed().as_millis() >= 140
}
