//! How `tls.corrupt` is seen from outside: the client cannot read the server's hello.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.corrupt", Seen::While(is_damaged))
};

fn is_damaged(victim: &Victim) -> bool {
    let (code, _) = curl(victim, &[]);
    code == 35
}
