//! How `net.corrupt` is seen from outside: the target's replies are wrong.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("share", "100%")],
    filters: &[("port", "8080")],
    ..Case::of("net.corrupt", Seen::While(is_wrong))
};

fn is_wrong(victim: &Victim) -> bool {
    // One bit of head or body: the client either reads another body or no reply at all.
    victim.get_within("/", std::time::Duration::from_millis(300)).ok().as_deref() != Some("hello")
}
