//! How `http.reset` is seen from outside.

use crate::http::get;
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case { ..Case::of("http.reset", Seen::While(shows)) };

fn shows(victim: &Victim) -> bool {
    get(victim, "/").is_err()
}
