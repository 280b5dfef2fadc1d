//! Owns the contract of a source of series. Knows no particular source.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use squall_query::Selector;

use crate::endings::Ledger;
use crate::gate::Gate;
use crate::store::Store;

/// What one pull brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pulled {
    /// Series that were in the answer.
    pub series: usize,
    /// Samples that the store took.
    pub samples: usize,
    /// Samples that the store refused; the reasons are in [`Store::refused`].
    pub refused: usize,
    /// What the source said beside its data, for people.
    pub warnings: Vec<String>,
    /// How long the pull took.
    pub took: Duration,
}

impl Pulled {
    /// Says which limit refused samples, for people; a refused sample is one that is missing.
    pub fn warn_of_refusals(&mut self, store: &Store) {
        if self.refused > 0 {
            let refused = store.refused();
            self.warnings.push(format!(
                "samples are refused: the store is at its limits (so far {} for new series, {} for \
                 samples, {} for labels, {} for their order); ask for fewer series",
                refused.series, refused.samples, refused.labels, refused.order
            ));
        }
    }
}

/// Why a pull brought nothing. The pull has already marked its series as gone where that applies.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source could not be reached or did not answer in time.
    #[error("reach {source_name}: {why}; is it running and reachable from here?")]
    Unreachable {
        /// What [`Source::describe`] says.
        source_name: String,
        /// The reason.
        why: String,
    },
    /// The source answered with a refusal.
    #[error("read {source_name}: it answered {status}: {why}")]
    Refused {
        /// What [`Source::describe`] says.
        source_name: String,
        /// The HTTP status or the like.
        status: String,
        /// What it said, shortened.
        why: String,
    },
    /// The answer could not be understood.
    #[error("understand the answer of {source_name}: {why}")]
    Malformed {
        /// What [`Source::describe`] says.
        source_name: String,
        /// The reason, with a line number where there is one.
        why: String,
    },
}

/// A pull in progress.
pub type Pull<'a> = Pin<Box<dyn Future<Output = Result<Pulled, SourceError>> + Send + 'a>>;

/// Where series come from.
pub trait Source: Send {
    /// Says in a few words which source this is, e.g. `scrape http://127.0.0.1:8080/metrics`.
    fn describe(&self) -> String;

    /// Brings what is known at `at_ms` into the store. `wanted` is what the queries will read: a
    /// source that can choose fetches only that; one that cannot may store everything.
    fn pull<'a>(&'a mut self, at_ms: i64, wanted: &'a [Selector], store: &'a mut Store)
    -> Pull<'a>;

    /// How its own requests end, for a source that sends any.
    fn endings(&self) -> Option<Ledger> {
        None
    }

    /// What lets its own requests rest, for a source that sends any as load.
    fn gate(&self) -> Option<Gate> {
        None
    }
}
