//! How `process.kill` is seen from outside: the process is gone.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case::of("process.kill", Seen::Ends(Victim::is_gone));
