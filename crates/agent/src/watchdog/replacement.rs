//! How soon the next watchdog is started where one died. Pure.

/// Watchdogs that died young and were replaced at once; the next ones are replaced slowly,
/// because something on this host kills them and starting processes is no rest.
const YOUNG_DEATHS_MAX: u32 = 5;
/// A watchdog that lived this long did not die young.
const GROWN_NS: u64 = 10 * 1_000_000_000;
/// The pause before the next one is started. Nothing new is armed meanwhile.
pub const SLOW_NS: u64 = 200 * 1_000_000;

/// The deaths so far, as far as they matter.
#[derive(Debug, Clone)]
pub struct Replacement {
    young_deaths: u32,
    since_ns: u64,
}

impl Replacement {
    /// The first watchdog was started now.
    pub fn new(now_ns: u64) -> Replacement {
        Replacement { young_deaths: 0, since_ns: now_ns }
    }

    /// One died, and the next is started after this pause.
    pub fn pause_ns(&mut self, now_ns: u64) -> u64 {
        let young = now_ns.saturating_sub(self.since_ns) < GROWN_NS;
        self.young_deaths = if young { self.young_deaths + 1 } else { 0 };
        self.since_ns = now_ns;
        if self.young_deaths > YOUNG_DEATHS_MAX { SLOW_NS } else { 0 }
    }
}
