//! How `net.refuse` is seen from outside: the target's own dials are refused.

use crate::seen::{Case, Seen};
use crate::victim::{SOON, Victim};
use squall_real::until::until;

pub(crate) const CASE: Case = Case::of("net.refuse", Seen::While(is_refused));

fn is_refused(victim: &Victim) -> bool {
    let (dialed, refused) = victim.dials();
    let (after, _) = until("the target dials", SOON, || {
        let now = victim.dials();
        (now.0 + now.1 >= dialed + refused + 5).then_some(now)
    });
    after.1 > refused
}
