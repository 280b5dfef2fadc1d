//! How `memory.limit` is seen from outside: the kernel has killed the target for want of memory.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("leave", "8MiB"), ("oom", "yes")],
    ..Case::of("memory.limit", Seen::Ends(Victim::is_gone))
};
