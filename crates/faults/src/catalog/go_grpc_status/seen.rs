//! How `go.grpc-status` is seen from outside: the target sees the code of its own calls.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("code", "ABORTED")],
    filters: &[],
    victim: Victim::go,
    ..Case::of("go.grpc-status", Seen::While(hurts))
};

fn hurts(victim: &Victim) -> bool {
    victim.stats("grpc_code") == 10.0
}
