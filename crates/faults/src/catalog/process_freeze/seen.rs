//! How `process.freeze` is seen from outside: in many looks the process is stopped now and then.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::time::{Duration, Instant};

pub(crate) const CASE: Case = Case {
    with: &[("length", "100ms"), ("period", "120ms")],
    ..Case::of("process.freeze", Seen::While(stops_and_goes))
};

fn stops_and_goes(victim: &Victim) -> bool {
    let begin = Instant::now();
    let (mut stopped, mut runs) = (false, false);
    // Two periods: both states are met.
    while begin.elapsed() < Duration::from_millis(300) && !(stopped && runs) {
        if victim.is_stopped() {
            stopped = true
        } else {
            runs = true
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    stopped && runs
}
