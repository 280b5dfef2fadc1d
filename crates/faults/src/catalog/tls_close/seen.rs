//! How `tls.close` is seen from outside: the handshake breaks off.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.close", Seen::While(is_closed))
};

fn is_closed(victim: &Victim) -> bool {
    let (code, said) = curl(victim, &[]);
    code == 35 && !said.contains("alert")
}
