//! Owns one Prometheus server: what is asked, and how its samples reach the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use squall_query::{Labels, Sample, Selector};

use super::answer::{self, AnswerError, Matrix};
use crate::fetch::{AddressError, Fetch, FetchError};
use crate::shell::timed;
use crate::source::{Pull, Pulled, Source, SourceError};
use crate::store::{Appended, RETENTION_MS, Store};

/// How long one query may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer taken: some 300,000 samples.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How far the first pull reaches back: the look-back of a query.
pub const FIRST_REACH_MS: i64 = 5 * 60 * 1000;
/// How far a pull reaches back beyond the last one, for samples that arrived late.
pub const OVERLAP_MS: i64 = 30 * 1000;
/// How late a sample may appear after its own time; a commit takes milliseconds, a scrape has a
/// timeout of seconds. Older ones are history that was not asked for before.
const LATE_MS: i64 = 60 * 1000;

/// A server that scrapes the targets for us.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    path: String,
    fetch: Fetch,
    timeout: Duration,
    first_reach_ms: i64,
    last_ok_ms: Option<i64>,
    known: HashMap<Labels, Known>,
}

/// What is known of a series that was read before.
#[derive(Debug, Clone, Copy)]
struct Known {
    newest_ms: i64,
    /// Whether its samples carry the time of the scrape; others say nothing by their absence.
    aligned: bool,
}

/// Which target a series comes from.
type Target = (String, String);

/// The scrapes of each target: when, and whether it answered.
type Scrapes = BTreeMap<Target, BTreeMap<i64, bool>>;

impl Prometheus {
    /// Prepares a server by its URL, with its path prefix if it has one; nothing is sent yet.
    pub fn new(url: &str) -> Result<Prometheus, AddressError> {
        let (fetch, prefix) = Fetch::to(url)?;
        Ok(Prometheus {
            url: url.to_owned(),
            path: format!("{}/api/v1/query", prefix.trim_end_matches('/')),
            fetch,
            timeout: TIMEOUT,
            first_reach_ms: FIRST_REACH_MS,
            last_ok_ms: None,
            known: HashMap::new(),
        })
    }

    /// Sets how long one query may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how far the first pull reaches back, for queries over a longer range than the usual
    /// five minutes.
    #[must_use]
    pub fn reach(mut self, reach_ms: i64) -> Self {
        self.first_reach_ms = reach_ms.clamp(FIRST_REACH_MS, RETENTION_MS);
        self
    }

    async fn ask(
        &mut self,
        selector: &Selector,
        at_ms: i64,
    ) -> Result<(Matrix, Duration), SourceError> {
        let reach_ms = match self.last_ok_ms {
            None => self.first_reach_ms,
            Some(last_ms) => (at_ms - last_ms).max(0) + OVERLAP_MS,
        };
        let query = format!("{selector}[{reach_ms}ms]");
        let time = format!("{}.{:03}", at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
        let fields = [("query", query.as_str()), ("time", time.as_str())];
        let work = self.fetch.post_form(&self.path, &fields, ANSWER_BYTES_MAX);
        let (answer, took) = timed(self.timeout, work).await;
        let source_name = self.describe();
        match answer {
            None => {
                self.fetch.close();
                let why = format!("no answer within {} ms", self.timeout.as_millis());
                Err(SourceError::Unreachable { source_name, why })
            }
            Some(Err(FetchError::Status(status, body))) => {
                let why = match answer::read(body.as_bytes()) {
                    Err(error @ AnswerError::Refused { .. }) => error.to_string(),
                    _ => body,
                };
                Err(SourceError::Refused { source_name, status: status.to_string(), why })
            }
            Some(Err(error)) => {
                Err(SourceError::Unreachable { source_name, why: error.to_string() })
            }
            Some(Ok(answer)) => match answer::read(&answer.body) {
                Ok(matrix) => Ok((matrix, took)),
                Err(error @ AnswerError::Refused { .. }) => Err(SourceError::Refused {
                    source_name,
                    status: "an error".into(),
                    why: error.to_string(),
                }),
                Err(error @ AnswerError::Malformed(_)) => {
                    Err(SourceError::Malformed { source_name, why: error.to_string() })
                }
            },
        }
    }

    async fn pulled(
        &mut self,
        at_ms: i64,
        wanted: &[Selector],
        store: &mut Store,
    ) -> Result<Pulled, SourceError> {
        // `up` is asked first: a scrape is committed as a whole, so every scrape that it shows is
        // in the later answers too, and a series that lacks a sample there has ended. A scrape that
        // is committed between two questions is left for the next pull.
        let (ups, mut took) = self.ask(&Selector::metric("up"), at_ms).await?;
        let scrapes = scrapes(&ups);
        let mut pulled = Pulled::default();
        let mut found = BTreeMap::<Labels, Vec<Sample>>::new();
        for selector in wanted {
            let (matrix, selector_took) = self.ask(selector, at_ms).await?;
            took += selector_took;
            pulled.warnings.extend(matrix.warnings);
            found.extend(matrix.series);
        }
        let targets: BTreeSet<Target> = found.keys().chain(self.known.keys()).map(target).collect();
        found
            .extend(ups.series.into_iter().filter(|(labels, _)| targets.contains(&target(labels))));
        for labels in self.known.keys() {
            found.entry(labels.clone()).or_default();
        }
        pulled.series = found.len();
        for (labels, samples) in &found {
            let none = BTreeMap::new();
            let of_target = scrapes.get(&target(labels)).unwrap_or(&none);
            self.store_series(labels, samples, of_target, store, &mut pulled);
        }
        pulled.warn_of_refusals(store);
        // What the store has forgotten need not be remembered here.
        let oldest_ms = at_ms.saturating_sub(RETENTION_MS);
        self.known.retain(|_, known| known.newest_ms >= oldest_ms);
        self.last_ok_ms = Some(at_ms);
        Ok(Pulled { took, ..pulled })
    }

    /// Appends a series' new samples, and an end at each scrape that lacks one: the API leaves
    /// staleness markers out, so they are made again from the scrapes.
    fn store_series(
        &mut self,
        labels: &Labels,
        samples: &[Sample],
        scrapes: &BTreeMap<i64, bool>,
        store: &mut Store,
        pulled: &mut Pulled,
    ) {
        let before = self.known.get(labels).copied();
        let newest_ms = before.map_or(i64::MIN, |known| known.newest_ms);
        let is_up = labels.metric() == "up";
        let last_scrape_ms = scrapes.keys().next_back().copied().unwrap_or(i64::MAX);
        let shown = samples.partition_point(|s| s.t_ms <= last_scrape_ms);
        let aligned = match shown {
            0 => before.is_none_or(|known| known.aligned),
            _ => samples[..shown].iter().all(|s| scrapes.contains_key(&s.t_ms)),
        };
        let samples = if aligned { &samples[..shown] } else { samples };
        let new = samples.iter().filter(|s| s.t_ms > newest_ms).map(|s| (s.t_ms, Some(s.v)));
        let mut events: BTreeMap<i64, Option<f64>> = new.collect();
        if aligned && !is_up {
            for (&t_ms, _) in scrapes.range(newest_ms.saturating_add(1)..) {
                events.entry(t_ms).or_insert(None);
            }
        }
        let mut last_ms = before.map(|known| known.newest_ms);
        for (t_ms, v) in events {
            let stamp_ms = self.stamp_ms(t_ms, store.newest_ms(labels));
            let Some(v) = v else {
                store.end(labels, stamp_ms);
                last_ms = last_ms.map(|last_ms| last_ms.max(t_ms));
                continue;
            };
            match store.append(labels, stamp_ms, v) {
                Ok(appended) => {
                    pulled.samples += 1;
                    // A scrape that answered and lacked the series: its counter was not yet made.
                    let lacked = scrapes.range(..t_ms).next_back().filter(|(_, up)| **up);
                    if let (Appended::NewSeries, Some((&zero_ms, _))) = (appended, lacked) {
                        store.born(labels, zero_ms);
                    }
                    last_ms = Some(t_ms);
                }
                Err(_) => pulled.refused += 1,
            }
        }
        if let Some(newest_ms) = last_ms {
            self.known.insert(labels.clone(), Known { newest_ms, aligned });
        }
    }
}

impl Prometheus {
    /// Returns the time under which a sample is stored: its own, unless it belongs before the last
    /// pull, which did not show it yet. What was judged then is not judged again, so under its own
    /// time its events would be in no window at all; it counts from the moment after that pull.
    fn stamp_ms(&self, t_ms: i64, newest_ms: Option<i64>) -> i64 {
        let late = |last_ms: &i64| t_ms <= *last_ms && t_ms > last_ms - LATE_MS;
        let stamp_ms = self.last_ok_ms.filter(late).map_or(t_ms, |last_ms| last_ms + 1);
        newest_ms.map_or(stamp_ms, |newest_ms| stamp_ms.max(newest_ms + 1))
    }
}

fn scrapes(ups: &Matrix) -> Scrapes {
    let mut scrapes = Scrapes::new();
    for (labels, samples) in &ups.series {
        let of_target = scrapes.entry(target(labels)).or_default();
        of_target.extend(samples.iter().map(|s| (s.t_ms, s.v == 1.0)));
    }
    scrapes
}

fn target(labels: &Labels) -> Target {
    (labels.get("job").to_owned(), labels.get("instance").to_owned())
}

impl Source for Prometheus {
    fn describe(&self) -> String {
        format!("prometheus {}", self.url)
    }

    fn pull<'a>(
        &'a mut self,
        at_ms: i64,
        wanted: &'a [Selector],
        store: &'a mut Store,
    ) -> Pull<'a> {
        Box::pin(self.pulled(at_ms, wanted, store))
    }
}
