//! How `dns.error` is seen from outside: the target's questions fail, other names do not.

use crate::names::{NEEDS, dig, resolving};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("name", "*.shop.test")],
    victim: resolving,
    needs: NEEDS,
    ..Case::of("dns.error", Seen::While(fails))
};

fn fails(victim: &Victim) -> bool {
    assert!(dig(victim, &["other.test"]).contains("10.9.0.2"), "other names are right");
    dig(victim, &["api.shop.test"]).contains("status: NXDOMAIN")
}
