//! Owns the samples of a matrix: raw counters from a Prometheus, for the times that faults were on.

use squall_judge::matrix::{Injection, Schedule, selectors};
use squall_judge::verdict::Bitten;
use squall_query::indicator::Indicator;
use squall_query::{Selector, Storage};
use squall_signals::sources::prometheus::Prometheus;
use squall_signals::{AddressError, Limits, Source, SourceError, Store};
use squall_spec::sla::{Agreement, Facts, Measure, promql};
use std::collections::{BTreeMap, BTreeSet};

/// One question covers this much, so that an answer stays small.
const STEP_MS: i64 = 5 * 60 * 1000;
/// What is read before a fault beyond the rule's window: its baseline, and a look-back.
const BEFORE_MS: i64 = 10 * 60 * 1000;
/// What is read after a fault: its tail.
const AFTER_MS: i64 = 90 * 1000;
/// The longest window that is read for what a dashboard shows; verdicts do not need it.
const WINDOW_MS_MAX: i64 = 2 * 3_600_000;
/// Between faults further apart than this nothing is read.
const GAP_MS: i64 = 30 * 60 * 1000;
/// Questions of one matrix at most: three days without a pause.
const QUESTIONS_MAX: usize = 1_000;
/// Samples kept; compressed they are some 200 MB.
const SAMPLES_MAX: usize = 100_000_000;
const SERIES_MAX: usize = 1_000_000;
/// A fault without an end that is older than a day was forgotten, not left on.
const OPEN_MS_MAX: i64 = 86_400_000;
/// The step where no two samples tell how often is scraped.
const EVERY_MS: i64 = 15_000;

/// The samples, and what is known of them.
pub(super) struct Samples {
    pub(super) store: Store,
    pub(super) every_ms: i64,
    pub(super) facts: Facts,
    pub(super) notes: Vec<String>,
}

/// Why there are no samples, and what to do about it.
pub(super) struct Unread {
    pub(super) message: String,
    pub(super) help: String,
    /// What was asked for is wrong; otherwise it could not be had.
    pub(super) bad_input: bool,
}

impl Unread {
    fn asked(message: String, help: &str) -> Unread {
        Unread { message, help: help.to_owned(), bad_input: true }
    }

    fn address(why: &AddressError) -> Unread {
        let help = match why {
            AddressError::Scheme(_, scheme) if scheme == "https" => {
                "forward the server's own port, with ssh -L or kubectl port-forward, and give \
                 http://127.0.0.1:PORT"
            }
            _ => "for example http://127.0.0.1:9090",
        };
        Unread::asked(format!("cannot {why}"), help)
    }

    fn source(url: &str, why: &SourceError) -> Unread {
        let url = url.trim_end_matches('/');
        let help = match why {
            SourceError::Unreachable { .. } => {
                format!("curl {url}/-/ready says whether it is; nothing is judged without samples")
            }
            SourceError::Refused { status, .. } => match status.as_str() {
                "401" | "403" => "no credentials are sent: forward the server's own port, with \
                                  ssh -L or kubectl port-forward"
                    .to_owned(),
                "404" => format!("is it there under a path? curl {url}/api/v1/query?query=up"),
                "422" | "503" => "give fewer faults at a time, or the server more time and \
                                  memory: --query.timeout, --query.max-samples"
                    .to_owned(),
                _ if status.starts_with('3') => "give the address to which it leads".to_owned(),
                _ => "its log says more; nothing is judged without samples".to_owned(),
            },
            SourceError::Malformed { .. } => {
                format!("is it a Prometheus? curl {url}/api/v1/query?query=up answers JSON there")
            }
        };
        Unread { message: format!("cannot {why}"), help, bad_input: false }
    }
}

/// Reads what the agreements need at the times of the injections, up to now.
pub(super) fn read(
    url: &str,
    agreements: &[Agreement],
    (injections, schedules): (&[Injection], &[Schedule]),
    every_ms: Option<i64>,
    now_ms: i64,
) -> Result<Samples, Unread> {
    let window_ms = agreements.iter().map(|a| a.window_ms).max().unwrap_or(0);
    let window_ms = i64::try_from(window_ms).unwrap_or(i64::MAX).min(WINDOW_MS_MAX);
    let spans = spans(injections, schedules, window_ms, now_ms);
    let questions: i64 = spans.iter().map(|(from, to)| (to - from) / STEP_MS + 1).sum();
    if questions > QUESTIONS_MAX as i64 {
        return Err(too_long(injections, now_ms));
    }
    let limits = Limits {
        series: SERIES_MAX,
        samples: SAMPLES_MAX,
        retention_ms: i64::MAX / 4,
        ..Limits::default()
    };
    let mut store = Store::new(limits);
    let wanted = selectors(agreements);
    let mut notes = BTreeSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| {
        Unread::asked(format!("cannot start the runtime: {why}"), "raise ulimit -n")
    })?;
    for (from_ms, to_ms) in spans {
        let mut source = Prometheus::new(url).map_err(|why| Unread::address(&why))?;
        let mut at_ms = from_ms;
        while at_ms < to_ms {
            at_ms = (at_ms + STEP_MS).min(to_ms);
            let pulled = runtime.block_on(source.pull(at_ms, &wanted, &mut store));
            notes.extend(pulled.map_err(|why| Unread::source(url, &why))?.warnings);
        }
    }
    let refused = store.refused();
    if refused.series + refused.samples + refused.labels > 0 {
        let message = format!("there are more samples than the {SAMPLES_MAX} that are kept");
        return Err(Unread::asked(message, "narrow WHERE, or give fewer faults at a time"));
    }
    notes.extend(agreements.iter().filter_map(|agreement| unseen(&store, agreement)));
    let known_ms = every_ms.or_else(|| spacing(&store, &wanted, now_ms));
    let facts = facts(&store, agreements, known_ms);
    // Without two samples there is nothing to read, however far apart they would be.
    let every_ms = known_ms.unwrap_or(EVERY_MS);
    Ok(Samples { store, every_ms, facts, notes: notes.into_iter().collect() })
}

/// Says why the faults are too far apart to be read: one that never ended, where there is one.
fn too_long(injections: &[Injection], now_ms: i64) -> Unread {
    let open = injections.iter().filter(|injection| injection.to_ms.is_none());
    let oldest = open.min_by_key(|injection| injection.from_ms);
    match oldest.filter(|open| now_ms.saturating_sub(open.from_ms) > OPEN_MS_MAX) {
        Some(open) => {
            let days = now_ms.saturating_sub(open.from_ms) / OPEN_MS_MAX;
            let message = format!(
                "{} ({}) began {days} days ago, and nothing says that it ended",
                open.id, open.fault
            );
            Unread::asked(message, "give its record of after the end, or leave it out")
        }
        None => {
            let message = "the faults span more than three days".to_owned();
            Unread::asked(message, "give fewer at a time")
        }
    }
}

/// Says that a rule has no series at all; a misspelled name or label is the usual reason.
fn unseen(store: &Store, agreement: &Agreement) -> Option<String> {
    let wanted = selectors(std::slice::from_ref(agreement));
    let seen = |selector: &Selector| !store.select(selector, i64::MIN / 4, i64::MAX / 4).is_empty();
    if wanted.is_empty() || wanted.iter().any(seen) {
        return None;
    }
    let asked: Vec<String> = wanted.iter().map(Selector::to_string).collect();
    Some(format!(
        "{}: Prometheus has no series of {} in that time; compare its name and labels with what is \
         there",
        agreement.name,
        asked.join(" and ")
    ))
}

/// What a server knows of the system now: how often it scrapes, and which buckets there are.
pub(super) fn facts_now(url: &str, agreements: &[Agreement], now_ms: i64) -> Result<Facts, Unread> {
    // The last minutes are read as they would be for a fault that is on now.
    let now = Injection {
        id: String::new(),
        fault: String::new(),
        said: String::new(),
        target: String::new(),
        service: None,
        about: BTreeMap::new(),
        from_ms: now_ms.saturating_sub(1_000),
        to_ms: None,
        bitten: Bitten::Unknown,
        dose: None,
    };
    read(url, agreements, (&[now], &[]), None, now_ms).map(|samples| samples.facts)
}

/// The times to read: around each fault and each schedule as a whole, joined where they are near
/// each other.
fn spans(
    injections: &[Injection],
    schedules: &[Schedule],
    window_ms: i64,
    now_ms: i64,
) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = Vec::new();
    let faults = injections.iter().map(|i| (i.from_ms, i.to_ms.unwrap_or(now_ms)));
    let mut sorted: Vec<(i64, i64)> =
        faults.chain(schedules.iter().filter_map(Schedule::span)).collect();
    sorted.sort_unstable();
    for (from_ms, to_ms) in sorted {
        let from_ms = from_ms.saturating_sub(BEFORE_MS + window_ms);
        let to_ms = to_ms.saturating_add(AFTER_MS).min(now_ms);
        if to_ms <= from_ms {
            continue;
        }
        match all.last_mut() {
            Some((_, last)) if from_ms <= last.saturating_add(GAP_MS) => *last = (*last).max(to_ms),
            _ => all.push((from_ms, to_ms)),
        }
    }
    all
}

/// The usual time between two samples: of `up`, which every scrape has, else of the series.
fn spacing(store: &Store, wanted: &[Selector], now_ms: i64) -> Option<i64> {
    let up = [Selector::metric("up")];
    let of = |selectors: &[Selector]| {
        let series = selectors.iter().flat_map(|s| store.select(s, i64::MIN / 4, now_ms));
        let mut gaps: Vec<i64> = series
            .flat_map(|s| {
                let times: Vec<i64> = s.samples.iter().map(|s| s.t_ms).collect();
                times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
            })
            .collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied()
    };
    of(&up).or_else(|| of(wanted)).filter(|ms| *ms > 0)
}

/// What the samples say of the system: the scrape interval and the bucket edges.
fn facts(store: &Store, agreements: &[Agreement], every_ms: Option<i64>) -> Facts {
    let scrape_ms = every_ms.and_then(|ms| u64::try_from(ms).ok());
    let mut facts = Facts { scrape_ms, ..Facts::default() };
    for agreement in agreements {
        let Measure::Quantile { buckets, .. } = &agreement.measure else { continue };
        let indicator = promql::query_of_group(agreement, &[]);
        let Some(indicator) = indicator.and_then(|query| Indicator::compile(&query).ok()) else {
            continue;
        };
        // Buckets may have come and gone; the newest sample of the whole store is late enough.
        let selectors = indicator.selectors();
        let series = selectors.iter().flat_map(|s| store.select(s, 0, i64::MAX / 4));
        let newest = series.filter_map(|s| s.samples.last().map(|s| s.t_ms)).max();
        let edges = newest.map(|at_ms| indicator.edges(store, at_ms)).unwrap_or_default();
        facts.edges.insert(buckets.metric.clone(), edges);
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_judge::attribution::Toggling;

    #[test]
    fn a_schedule_is_read_to_the_end_of_its_last_rest() {
        let hour = 3_600_000;
        let toggling = Toggling {
            slots: vec![(hour, 2 * hour), (2 * hour, 3 * hour)],
            on: Vec::new(),
            block: 2,
            persists: None,
        };
        let schedule = Schedule { toggling, uses: Vec::new(), drains: Vec::new() };
        let found = spans(&[], std::slice::from_ref(&schedule), 0, 9 * hour);
        assert_eq!(found, [(hour - BEFORE_MS, 3 * hour + AFTER_MS)]);
        assert_eq!(spans(&[], &[schedule], 0, 2 * hour), [(hour - BEFORE_MS, 2 * hour)]);
    }
}
