//! Waiting for something to become true, with a deadline and a name for what was awaited.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks until `ready` answers, or fails the test by name. Returns how long it took.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return (value, start.elapsed());
        }
        assert!(start.elapsed() < limit, "{what} did not happen within {limit:?}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How many times slower than alone a process gets on now: how many want a processor, for each
/// that there is; never less than 1.
pub fn slowdown() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |text: &str| text.parse::<f64>().unwrap_or_default();
    // Over the last minute, and at this moment.
    let minute = words.first().map_or(0.0, |word| number(word));
    let now = words.get(3).and_then(|word| word.split('/').next()).map_or(0.0, number);
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    (minute.max(now) / cores).max(1.0)
}
