//! How `tls.stall` is seen from outside: the handshake times out.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.stall", Seen::While(is_stalled))
};

fn is_stalled(victim: &Victim) -> bool {
    let (code, _) = curl(victim, &["--max-time", "0.5"]);
    code == 28
}
