//! PromQL over series (reason: purity that the compiler guards, and a parser to keep away).
#![forbid(unsafe_code)]

mod absence;
pub mod ast;
mod buckets;
mod calendar;
mod eval;
mod extrapolation;
mod function;
pub mod functions;
pub mod indicator;
mod labels;
mod natural;
mod parse;
mod selector;
mod series;
mod statistics;
mod value;

pub use eval::{EvalError, SUBQUERY_STEP_MS, eval, eval_range};
pub use labels::{
    BUCKET_BOUND, Label, Labels, METRIC_NAME, is_plain_metric, is_plain_name, quoted,
};
pub use parse::{QUERY_BYTES_MAX, QUERY_DEPTH_MAX, QueryError, parse};
pub use selector::{MatchOp, Matcher, PatternError, Selector};
pub use series::{LOOKBACK_MS, Sample, Series, Storage, between, is_stale_marker, stale_marker};
pub use value::{Element, Track, Value};
