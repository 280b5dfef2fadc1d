//! How `dns.delay` is seen from outside: the target's answers are right and late.

use crate::names::{NEEDS, dig, resolving};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("mean", "300ms")],
    filters: &[("name", "*.shop.test")],
    victim: resolving,
    needs: NEEDS,
    ..Case::of("dns.delay", Seen::While(is_late))
};

fn is_late(victim: &Victim) -> bool {
    let said = dig(victim, &["api.shop.test"]);
    assert!(said.contains("10.9.0.1"), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix(";; Query time: "));
    let took = line.and_then(|line| line.split(' ').next()?.parse::<u32>().ok());
    took.is_some_and(|took_ms| took_ms >= 295)
}
