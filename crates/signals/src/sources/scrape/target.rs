//! Owns one scraped target: the request, its answer, and whether it is up.

use std::time::Duration;

use squall_query::Selector;

use super::intake::Intake;
use crate::exposition::Format;
use crate::fetch::{AddressError, Answer, Fetch, FetchError};
use crate::shell::timed;
use crate::source::{Pull, Pulled, Source, SourceError};
use crate::store::Store;

/// How long a scrape may take; shorter than the usual step of one second would need.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest page taken; the largest Go services expose a tenth of this.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// The `job` label of series that have none.
pub const JOB: &str = "squall";

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.8,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// One target that is scraped.
#[derive(Debug)]
pub struct Scrape {
    url: String,
    path: String,
    fetch: Fetch,
    timeout: Duration,
    intake: Intake,
}

impl Scrape {
    /// Prepares a target; nothing is sent yet.
    pub fn new(url: &str) -> Result<Scrape, AddressError> {
        let (fetch, path) = Fetch::to(url)?;
        let intake = intake(&fetch, JOB);
        Ok(Scrape { url: url.to_owned(), path, fetch, timeout: TIMEOUT, intake })
    }

    /// Sets the `job` label of series that have none.
    #[must_use]
    pub fn job(mut self, job: &str) -> Self {
        self.intake = intake(&self.fetch, job);
        self
    }

    /// Sets how long a scrape may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn fetched(&mut self) -> (Result<Answer, SourceError>, Duration) {
        let work = self.fetch.get(&self.path, ACCEPT, BODY_BYTES_MAX);
        let (answer, took) = timed(self.timeout, work).await;
        let source_name = self.describe();
        let answer = match answer {
            None => {
                self.fetch.close();
                let why = format!("no answer within {} ms", self.timeout.as_millis());
                Err(SourceError::Unreachable { source_name, why })
            }
            Some(Err(FetchError::Status(status, why))) => {
                Err(SourceError::Refused { source_name, status: status.to_string(), why })
            }
            Some(Err(error)) => {
                Err(SourceError::Unreachable { source_name, why: error.to_string() })
            }
            Some(Ok(answer)) => Ok(answer),
        };
        (answer, took)
    }

    fn take(
        &mut self,
        answer: &Answer,
        at_ms: i64,
        wanted: &[Selector],
        store: &mut Store,
    ) -> Result<Pulled, SourceError> {
        let malformed = |why| SourceError::Malformed { source_name: self.describe(), why };
        let body = std::str::from_utf8(&answer.body).map_err(|e| malformed(e.to_string()))?;
        let format = Format::of(&answer.content_type);
        let taken = self.intake.take(body, format, at_ms, wanted, store);
        taken.map_err(|why| {
            let source_name = self.describe();
            SourceError::Malformed { source_name, why: why.to_string() }
        })
    }
}

fn intake(fetch: &Fetch, job: &str) -> Intake {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Intake::new(vec![pair("instance", fetch.authority()), pair("job", job)])
}

impl Source for Scrape {
    fn describe(&self) -> String {
        format!("scrape {}", self.url)
    }

    fn pull<'a>(
        &'a mut self,
        at_ms: i64,
        wanted: &'a [Selector],
        store: &'a mut Store,
    ) -> Pull<'a> {
        Box::pin(async move {
            let (answer, took) = self.fetched().await;
            let pulled = answer.and_then(|answer| self.take(&answer, at_ms, wanted, store));
            if pulled.is_err() {
                // As in Prometheus: a failed scrape ends the target's series at once.
                self.intake.missed(at_ms, store);
            }
            Ok(Pulled { took, ..pulled? })
        })
    }
}
