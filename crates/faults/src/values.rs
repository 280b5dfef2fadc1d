//! Checks the values of a `with` or `where` block against a fault's description.

use crate::fault::{Fault, Param, ValueIssue};
use squall_wire::injection::Values;
use std::collections::BTreeMap;
use std::time::Duration;

/// Values that were checked, with defaults filled in. Typed readers panic only on a key or kind
/// that the fault's own description does not have: a bug in the fault, found by its tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    values: BTreeMap<&'static str, Typed>,
}

/// One checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// A length of time.
    Duration(Duration),
    /// A share, 0 to 1.
    Share(f64),
    /// A whole number, a port included.
    Integer(i64),
    /// Everything else.
    Text(String),
}
