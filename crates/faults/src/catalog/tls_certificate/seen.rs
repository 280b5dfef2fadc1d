//! How `tls.certificate` is seen from outside: the client refuses the certificate.

use crate::secured::{NEEDS, PORT, curl, secured};
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    filters: &[("sni", "*.shop.test"), ("port", PORT)],
    victim: secured,
    needs: NEEDS,
    ..Case::of("tls.certificate", Seen::While(is_refused))
};

fn is_refused(victim: &Victim) -> bool {
    let (code, said) = curl(victim, &[]);
    code == 60 && said.contains("certificate")
}
