//! How `tls.alpn` is seen from outside: the client is told that no protocol fits.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.alpn", Seen::While(is_speechless))
};

fn is_speechless(victim: &Victim) -> bool {
    let (code, said) = curl(victim, &[]);
    code == 35 && said.contains("no application protocol")
}
