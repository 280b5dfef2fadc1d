//! How `http.abort` is seen from outside.

use crate::http::get;
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("status", "503"), ("body", "gone")],
    ..Case::of("http.abort", Seen::While(shows))
};

fn shows(victim: &Victim) -> bool {
    get(victim, "/").is_ok_and(|body| body == "gone")
}
