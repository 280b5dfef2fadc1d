//! PromQL over series (reason: purity that the compiler guards, and a parser to keep away).
//!
//! ```
//! use squall_query::indicator::{Bound, Counts, Indicator, Op};
//! use squall_query::{Labels, Sample, Series};
//!
//! let counter = |result: &str, values: [f64; 2]| Series {
//!     labels: Labels::named("orders_total", [("result", result)]),
//!     samples: vec![Sample { t_ms: 0, v: values[0] }, Sample { t_ms: 1000, v: values[1] }],
//!     created_ms: None,
//! };
//! let storage = vec![counter("ok", [10.0, 108.0]), counter("error", [0.0, 2.0])];
//! let success = Indicator::compile(
//!     r#"sum(rate(orders_total{result="ok"}[30s])) / sum(rate(orders_total[30s]))"#,
//! )?;
//! let bound = Bound { op: Op::AtLeast, value: 0.9995 };
//! let reading = success.read(&storage, 0, 1000, bound);
//! assert_eq!(reading.counts, Some(Counts { total: 100, bad_least: 2, bad_most: 2 }));
//! assert_eq!(reading.gap, None);
//! # Ok::<(), squall_query::QueryError>(())
//! ```
#![forbid(unsafe_code)]

mod absence;
pub mod ast;
mod buckets;
mod calendar;
mod eval;
mod extrapolation;
mod function;
pub mod functions;
pub mod histogram;
pub mod incremental;
pub mod indicator;
mod labels;
mod natural;
mod parse;
mod selector;
mod series;
mod statistics;
mod template;
mod value;

pub use eval::{EvalError, SUBQUERY_STEP_MS, eval, eval_range};
pub use labels::{
    BUCKET_BOUND, Label, Labels, METRIC_NAME, is_plain_metric, is_plain_name, quoted,
};
pub use parse::{QUERY_BYTES_MAX, QUERY_DEPTH_MAX, QueryError, parse};
pub use selector::{Asker, MatchOp, Matcher, PatternError, Selector};
pub use series::{
    LOOKBACK_MS, Sample, Seen, Series, Storage, Visitor, between, is_stale_marker, stale_marker,
};
pub use value::{Element, Track, Value};
