//! How `go.grpc-delay` is seen from outside: the target times its own gRPC calls.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "120ms")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.grpc-delay", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("grpc_ms") >= 110.0
}
