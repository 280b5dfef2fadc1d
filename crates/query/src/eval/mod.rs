//! Evaluation of a tree over a storage, at one time or along a range.

mod aggregate;
mod binary;
mod cached;
mod context;
mod error;
mod once;
mod set;
mod windows;

pub(crate) use aggregate::{go_float, reduce};
pub(crate) use binary::signature;
pub(crate) use cached::Cached;
pub(crate) use context::{Context, eval_live, unique};
pub use context::{SUBQUERY_STEP_MS, eval, eval_range};
pub use error::EvalError;
pub(crate) use windows::each as each_window;
