//! How `dns.timeout` is seen from outside: the target's questions have no answer.

use crate::names::{NEEDS, dig, resolving};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("name", "*.shop.test")],
    victim: resolving,
    needs: NEEDS,
    ..Case::of("dns.timeout", Seen::While(is_silent))
};

fn is_silent(victim: &Victim) -> bool {
    let said = dig(victim, &["api.shop.test", "+tries=1", "+timeout=1"]);
    said.contains("timed out") || said.contains("no servers could be reached")
}
