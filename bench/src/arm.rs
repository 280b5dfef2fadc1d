//! From the command to the effect in place, the receipt's sync included.

use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection, state};
use std::time::{Duration, Instant};

const ROUNDS: usize = 60;
/// The first rounds load programs and warm caches; they are printed apart.
const COLD: usize = 1;
/// What an agent needs to be ready for the next fault, and gets between any two runs.
const BETWEEN: Duration = Duration::from_millis(20);

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(18_001);
    let target = rig.target();
    let mut agent = rig.agent();
    let faults: [(&str, &[(&str, &str)]); 2] = [("process.pause", &[]), ("net.refuse", &[])];
    for (fault, with) in faults {
        let (mut whole, mut unsynced, mut undo) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS + COLD {
            let wanted = injection(&target, &format!("{fault}-{round}"), fault, with);
            let start = Instant::now();
            let armed = arm(&mut agent, wanted);
            let took = start.elapsed();
            if fault == "process.pause" {
                assert_eq!(state(rig.pid()), Some('T'), "the answer comes after the effect");
            }
            let undone = disarm(&mut agent);
            if round < COLD {
                table.times(&format!("{fault}: first arming"), "Squall", "–", &[took]);
                continue;
            }
            // A run arms a fault seconds after the one before, not within the same millisecond.
            std::thread::park_timeout(BETWEEN);
            whole.push(took);
            unsynced.push(took.saturating_sub(Duration::from_micros(armed.receipt_us)));
            undo.push(undone);
        }
        table.times(&format!("{fault}: command to effect"), "Squall", "median ≤ 5 ms", &whole);
        let what = format!("{fault}: the same without the disk's sync");
        table.times(&what, "Squall", "median ≤ 1 ms", &unsynced);
        table.times(&format!("{fault}: undo"), "Squall", "–", &undo);
    }
}
