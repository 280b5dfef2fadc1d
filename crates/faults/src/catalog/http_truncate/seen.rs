//! How `http.truncate` is seen from outside.

use crate::http::get;
use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case =
    Case { with: &[("after", "2B")], ..Case::of("http.truncate", Seen::While(shows)) };

fn shows(victim: &Victim) -> bool {
    get(victim, "/").is_err()
}
