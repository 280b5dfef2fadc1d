//! OpenSLO v1 in and out: what both languages can say is carried over, and what they cannot is
//! said. A wrong translation would be worse than none.

mod clauses;
mod document;
mod export;
mod import;
mod indicator;
mod objective;
mod query;
mod reader;

pub use export::export;
pub use import::import;

use crate::diagnostic::Code;

pub(crate) const NOT_OPENSLO: Code = Code::error("S540");
pub(crate) const INCOMPLETE: Code = Code::error("S541");
pub(crate) const INEXPRESSIBLE: Code = Code::error("S542");
pub(crate) const RENAMED: Code = Code::warning("S544");
pub(crate) const LEFT_OUT: Code = Code::warning("S543");
