//! How `tls.alert` is seen from outside: the client names the alert.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.alert", Seen::While(is_alerted))
};

fn is_alerted(victim: &Victim) -> bool {
    let (code, said) = curl(victim, &[]);
    code == 35 && said.contains("handshake failure")
}
