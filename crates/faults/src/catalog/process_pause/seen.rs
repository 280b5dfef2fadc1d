//! How `process.pause` is seen from outside: the kernel says that the process is stopped.

use crate::seen::{Case, Seen};
use crate::victim::Victim;

pub(crate) const CASE: Case = Case::of("process.pause", Seen::While(Victim::is_stopped));
