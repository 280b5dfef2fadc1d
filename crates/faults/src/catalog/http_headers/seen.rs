//! How `http.headers` is seen from outside.

use crate::http::head;
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case {
    with: &[("add", "x-fault=yes"), ("side", "response")],
    filters: &[],
    ..Case::of("http.headers", Seen::While(shows))
};

fn shows(victim: &Victim) -> bool {
    head(victim, "/").contains("x-fault: yes")
}
