//! How `dns.answer` is seen from outside: the target finds another address.

use crate::names::{NEEDS, dig, resolving};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("address", "10.66.0.1,fd66::1")],
    filters: &[("name", "*.shop.test")],
    victim: resolving,
    needs: NEEDS,
    ..Case::of("dns.answer", Seen::While(is_wrong))
};

fn is_wrong(victim: &Victim) -> bool {
    let said = dig(victim, &["api.shop.test", "A", "api.shop.test", "AAAA"]);
    said.contains("10.66.0.1") && said.contains("fd66::1")
}
