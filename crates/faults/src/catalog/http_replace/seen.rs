//! How `http.replace` is seen from outside.

use crate::http::get;
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("body", "bye"), ("type", "text/plain")],
    ..Case::of("http.replace", Seen::While(shows))
};

fn shows(victim: &Victim) -> bool {
    get(victim, "/").is_ok_and(|body| body == "bye")
}
