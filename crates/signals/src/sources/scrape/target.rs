//! Owns one scraped target: the request, its series, and what their absence means.

use std::collections::HashSet;
use std::time::Duration;

use squall_query::{Labels, Selector};

use crate::exposition::{self, Exposition, Format};
use crate::fetch::{AddressError, Answer, Fetch, FetchError};
use crate::shell::timed;
use crate::source::{Pull, Pulled, Source, SourceError};
use crate::store::{Appended, Store};

/// How long a scrape may take; shorter than the usual step of one second would need.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest page taken; the largest Go services expose a tenth of this.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// The `job` label of series that have none.
pub const JOB: &str = "squall";

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.8,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// The metric by which Go and other clients say when their process started.
const PROCESS_START: &str = "process_start_time_seconds";

/// One target that is scraped.
#[derive(Debug)]
pub struct Scrape {
    url: String,
    path: String,
    fetch: Fetch,
    job: String,
    timeout: Duration,
    alive: HashSet<Labels>,
    last_ok_ms: Option<i64>,
    process_start_ms: Option<i64>,
}

impl Scrape {
    /// Prepares a target; nothing is sent yet.
    pub fn new(url: &str) -> Result<Scrape, AddressError> {
        let (fetch, path) = Fetch::to(url)?;
        Ok(Scrape {
            url: url.to_owned(),
            path,
            fetch,
            job: JOB.to_owned(),
            timeout: TIMEOUT,
            alive: HashSet::new(),
            last_ok_ms: None,
            process_start_ms: None,
        })
    }

    /// Sets the `job` label of series that have none.
    #[must_use]
    pub fn job(mut self, job: &str) -> Self {
        self.job = job.to_owned();
        self
    }

    /// Sets how long a scrape may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn fetched(&mut self) -> (Result<Exposition, SourceError>, Duration) {
        let work = self.fetch.get(&self.path, ACCEPT, BODY_BYTES_MAX);
        let (answer, took) = timed(self.timeout, work).await;
        let source_name = self.describe();
        let read = match answer {
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
            Some(Ok(answer)) => {
                read(&answer).map_err(|why| SourceError::Malformed { source_name, why })
            }
        };
        (read, took)
    }

    /// Gives a series the target's labels where it has none of its own.
    fn named(&self, labels: &Labels) -> Labels {
        let mut labels = labels.clone();
        for (name, value) in [("instance", self.fetch.authority()), ("job", &self.job)] {
            if !labels.has(name) {
                labels = labels.with(name, value);
            }
        }
        labels
    }

    fn write_up(&self, at_ms: i64, up: bool, store: &mut Store) {
        let none: [(&str, &str); 0] = [];
        let labels = self.named(&Labels::named("up", none));
        // A refusal is counted by the store, and shows as a missing sample.
        let _ = store.append(&labels, at_ms, f64::from(u8::from(up)));
    }

    fn store(
        &mut self,
        at_ms: i64,
        page: &Exposition,
        wanted: &[Selector],
        store: &mut Store,
    ) -> Pulled {
        let mut pulled = Pulled::default();
        let started = self.note_process_start(page);
        let mut seen = HashSet::with_capacity(self.alive.len());
        for scraped in &page.samples {
            let labels = self.named(&scraped.labels);
            if !wanted.is_empty() && !wanted.iter().any(|selector| selector.matches(&labels)) {
                continue;
            }
            pulled.series += 1;
            let repeated = |t_ms| store.newest_ms(&labels).is_some_and(|newest| newest >= t_ms);
            if scraped.t_ms.is_some_and(repeated) {
                // A target that gives times shows the same sample until it has a newer one.
                seen.insert(labels);
                continue;
            }
            match store.append(&labels, scraped.t_ms.unwrap_or(at_ms), scraped.v) {
                Ok(appended) => {
                    pulled.samples += 1;
                    if appended == Appended::NewSeries
                        && let Some(zero_ms) = self.last_ok_ms.or(self.process_start_ms)
                    {
                        store.born(&labels, zero_ms);
                    }
                }
                Err(_) => pulled.refused += 1,
            }
            if let Some(zero_ms) = page.created_ms(&scraped.labels).or(started) {
                store.born(&labels, zero_ms);
            }
            seen.insert(labels);
        }
        for gone in self.alive.difference(&seen) {
            store.end(gone, at_ms);
        }
        self.alive = seen;
        pulled.warn_of_refusals(store);
        self.last_ok_ms = Some(at_ms);
        pulled
    }

    /// Returns the process' start time where it is another process than at the last scrape.
    fn note_process_start(&mut self, page: &Exposition) -> Option<i64> {
        let start = page.samples.iter().find(|s| s.labels.metric() == PROCESS_START)?;
        let start_ms = Some((start.v * 1000.0) as i64);
        let before = std::mem::replace(&mut self.process_start_ms, start_ms);
        start_ms.filter(|_| before.is_some() && before != start_ms)
    }
}

fn read(answer: &Answer) -> Result<Exposition, String> {
    let text = std::str::from_utf8(&answer.body).map_err(|error| error.to_string())?;
    exposition::parse(text, Format::of(&answer.content_type)).map_err(|error| error.to_string())
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
            let (page, took) = self.fetched().await;
            self.write_up(at_ms, page.is_ok(), store);
            match page {
                Ok(page) => Ok(Pulled { took, ..self.store(at_ms, &page, wanted, store) }),
                Err(error) => {
                    // As in Prometheus: a failed scrape ends the target's series at once, so that
                    // old values are not taken for new ones.
                    for labels in self.alive.drain() {
                        store.end(&labels, at_ms);
                    }
                    Err(error)
                }
            }
        })
    }
}
