//! Sources of series and the bounded store they fill (reason: heavy dependencies).
#![forbid(unsafe_code)]

mod endings;
pub mod exposition;
mod fetch;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod shell;
mod source;
pub mod sources;
mod store;

pub use endings::{Ending, Endings, Ledger};
pub use fetch::AddressError;
pub use gate::Gate;
pub use source::{Pull, Pulled, Source, SourceError};
pub use store::{
    Appended, LABEL_BYTES_MAX, LABELS_MAX, Limits, RETENTION_MS, Refusal, Refused, SAMPLES_MAX,
    SERIES_MAX, SeriesId, Store,
};
