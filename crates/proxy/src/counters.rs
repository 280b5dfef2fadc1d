//! What the proxy did, in numbers that can be read from any thread: the delivered
//! dose, and the paths seen, so that "nothing matched" can be explained.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::delay::BootTime;

/// The most different paths remembered; the rest are counted together.
pub const MAX_PATHS: usize = 64;
/// The longest path remembered, in bytes.
const MAX_PATH_LEN: usize = 128;
/// Upper bounds of the histogram of |delivered − asked|, in microseconds; one more bucket is open.
pub const ERROR_BOUNDS_US: [u64; 9] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000];

/// Live counters, shared between the proxy and its owner.
#[derive(Debug, Default)]
pub struct Counters {
    connections: AtomicU64,
    open: AtomicU64,
    requests: AtomicU64,
    matched: AtomicU64,
    hit: AtomicU64,
    acted: AtomicU64,
    delayed: AtomicU64,
    cut: AtomicU64,
    asked_ns_total: AtomicU64,
    delivered_ns_total: AtomicU64,
    passed_bytes: AtomicU64,
    errors: AtomicU64,
    unread: AtomicU64,
    error_us: [AtomicU64; ERROR_BOUNDS_US.len() + 1],
    paths: Mutex<Paths>,
}

#[derive(Debug, Default)]
struct Paths {
    seen: HashMap<String, u64>,
    rest: u64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Requests whose head was read.
    pub requests: u64,
    /// Requests that fit a rule, hit by its share or not.
    pub matched: u64,
    /// Requests among the `matched` that the share chose.
    pub hit: u64,
    /// Effects other than a delay that took place: a chosen request whose answer has no body to
    /// cut, or whose rules ended before the answer came, is hit and not acted on.
    pub acted: u64,
    /// Messages held to the end of their delay.
    pub delayed: u64,
    /// Messages let go early, because the rules ended.
    pub cut: u64,
    /// The delays asked of the `delayed` ones, and the waits of slow bodies, together.
    pub asked_ns_total: u64,
    /// How long those took together.
    pub delivered_ns_total: u64,
    /// Payload bytes forwarded, both directions.
    pub passed_bytes: u64,
    /// Connections that could not be accepted or dialed, or broke.
    pub errors: u64,
    /// Connections that became plain bytes because they were not readable as HTTP.
    pub unread: u64,
    /// How many of `delayed` were off by up to each of [`ERROR_BOUNDS_US`], not cumulative.
    pub error_us: [u64; ERROR_BOUNDS_US.len() + 1],
    /// The most seen paths, without their query, most frequent first.
    pub paths: Vec<(String, u64)>,
    /// Requests on paths beyond [`MAX_PATHS`].
    pub other_paths: u64,
}

/// Counts a connection as open while it lives, wherever it goes.
#[derive(Debug)]
pub(crate) struct Open(Arc<Counters>);

impl Open {
    pub(crate) fn new(counters: &Arc<Counters>) -> Open {
        counters.opened();
        Open(Arc::clone(counters))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}

impl Counters {
    /// Reads every counter; single counters may be a request apart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (paths, other_paths) = {
            let paths = self.paths();
            let mut seen: Vec<_> = paths.seen.iter().map(|(path, n)| (path.clone(), *n)).collect();
            seen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            (seen, paths.rest)
        };
        Snapshot {
            connections: self.connections.load(Relaxed),
            open: self.open.load(Relaxed),
            requests: self.requests.load(Relaxed),
            matched: self.matched.load(Relaxed),
            hit: self.hit.load(Relaxed),
            acted: self.acted.load(Relaxed),
            delayed: self.delayed.load(Relaxed),
            cut: self.cut.load(Relaxed),
            asked_ns_total: self.asked_ns_total.load(Relaxed),
            delivered_ns_total: self.delivered_ns_total.load(Relaxed),
            passed_bytes: self.passed_bytes.load(Relaxed),
            errors: self.errors.load(Relaxed),
            unread: self.unread.load(Relaxed),
            error_us: std::array::from_fn(|at| self.error_us[at].load(Relaxed)),
            paths,
            other_paths,
        }
    }

    pub(crate) fn opened(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    pub(crate) fn request(&self, path: &str, matched: bool, hit: bool) {
        self.requests.fetch_add(1, Relaxed);
        self.matched.fetch_add(u64::from(matched), Relaxed);
        self.hit.fetch_add(u64::from(hit), Relaxed);
        let path = prefix(path);
        let mut paths = self.paths();
        if let Some(count) = paths.seen.get_mut(path) {
            *count += 1;
        } else if paths.seen.len() < MAX_PATHS {
            paths.seen.insert(path.to_owned(), 1);
        } else {
            paths.rest += 1;
        }
    }

    pub(crate) fn held(&self, asked: Duration, delivered: Duration) {
        self.delayed.fetch_add(1, Relaxed);
        self.asked_ns_total.fetch_add(nanos(asked), Relaxed);
        self.delivered_ns_total.fetch_add(nanos(delivered), Relaxed);
        let off_us = nanos(delivered.abs_diff(asked)) / 1_000;
        self.error_us[ERROR_BOUNDS_US.partition_point(|&bound| bound < off_us)]
            .fetch_add(1, Relaxed);
    }

    /// Notes one wait inside a slow body.
    pub(crate) fn paced(&self, asked: Duration, delivered: Duration) {
        self.asked_ns_total.fetch_add(nanos(asked), Relaxed);
        self.delivered_ns_total.fetch_add(nanos(delivered), Relaxed);
    }

    pub(crate) fn acted(&self) {
        self.acted.fetch_add(1, Relaxed);
    }

    pub(crate) fn let_go(&self) {
        self.cut.fetch_add(1, Relaxed);
    }

    pub(crate) fn passed(&self, bytes: usize) {
        self.passed_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn not_read(&self) {
        self.unread.fetch_add(1, Relaxed);
    }

    fn paths(&self) -> MutexGuard<'_, Paths> {
        // A count lost to a panic elsewhere does no harm.
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pieces of a slow body: each is due a while after the one before, so that what one is late
/// the next makes up for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// When the next piece is due.
    pub(crate) due: BootTime,
    /// When the last one was due, and when it went.
    planned: BootTime,
    went: BootTime,
}

impl From<BootTime> for Pace {
    /// The first piece is due at once.
    fn from(now: BootTime) -> Pace {
        Pace { due: now, planned: now, went: now }
    }
}

impl Pace {
    /// Notes a piece that was waited for: how long it was to take, and took.
    pub(crate) fn note(&self, counters: &Counters, now: BootTime) {
        counters.paced(self.due.since(self.planned), now.since(self.went));
    }

    /// Plans the next piece behind one that goes now. A sender that was late itself does not catch
    /// up faster than the rate.
    pub(crate) fn next(&mut self, waited: bool, now: BootTime, takes: Duration) {
        self.planned = if waited { self.due } else { now };
        self.went = now;
        self.due = self.planned.after(takes);
    }
}

impl Snapshot {
    /// Returns a bound, in microseconds, under which the share `q` of held messages was on time;
    /// `None` when nothing was held or the share lies in the open bucket.
    #[must_use]
    pub fn error_us_bound(&self, q: f64) -> Option<u64> {
        let mut seen = 0;
        let total: u64 = self.error_us.iter().sum();
        for (count, bound) in self.error_us.iter().zip(ERROR_BOUNDS_US) {
            seen += count;
            if total > 0 && seen as f64 >= q * total as f64 {
                return Some(bound);
            }
        }
        None
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Cuts a path to the length remembered, at a character.
fn prefix(path: &str) -> &str {
    &path[..path.floor_char_boundary(MAX_PATH_LEN)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_bounded_and_sorted_by_how_often_they_came() {
        let counters = Counters::default();
        for n in 0..MAX_PATHS + 3 {
            counters.request(&format!("/{n}"), false, false);
        }
        counters.request("/1", true, true);
        counters.request(&"/长".repeat(100), true, false);
        let seen = counters.snapshot();
        assert_eq!((seen.paths.len(), seen.other_paths), (MAX_PATHS, 4));
        assert_eq!(seen.paths[0], ("/1".to_owned(), 2));
        assert_eq!((seen.requests, seen.matched, seen.hit), (MAX_PATHS as u64 + 5, 2, 1));
    }

    #[test]
    fn a_long_path_is_cut_at_a_character() {
        assert_eq!(prefix(&"/长".repeat(100)).len(), 128);
        assert_eq!(prefix(&"长".repeat(100)).len(), 126);
        assert_eq!(prefix("/a"), "/a");
    }

    #[test]
    fn the_histogram_bounds_what_most_messages_were_off_by() {
        let counters = Counters::default();
        let asked = Duration::from_millis(50);
        assert_eq!(counters.snapshot().error_us_bound(0.5), None);
        for off_us in [10, 50, 51, 900, 1_000_000] {
            counters.held(asked, asked + Duration::from_micros(off_us));
        }
        let seen = counters.snapshot();
        assert_eq!(seen.error_us, [2, 1, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!(seen.error_us_bound(0.4), Some(50));
        assert_eq!(seen.error_us_bound(0.8), Some(1_000));
        assert_eq!(seen.error_us_bound(1.0), None);
    }
}
