//! How `dns.truncate` is seen from outside: the answer is right and came over TCP.

use crate::names::{NEEDS, dig, resolving};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("name", "*.shop.test")],
    victim: resolving,
    needs: NEEDS,
    ..Case::of("dns.truncate", Seen::While(comes_over_tcp))
};

fn comes_over_tcp(victim: &Victim) -> bool {
    let said = dig(victim, &["api.shop.test"]);
    assert!(said.contains("10.9.0.1"), "{said}");
    said.contains("retrying in TCP mode") || said.contains("(TCP)")
}
