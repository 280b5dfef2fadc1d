//! Owns the step from a record to what its run played of a schedule drawn at random.

use squall_judge::attribution::Toggling;
use squall_judge::matrix::{Injection, Schedule};
use squall_report::Record;
use squall_wire::record::{AbortCause, Event, Line, Phase, Reading};

/// The schedule of a run that switched its faults on and off, as far as it was played; none where
/// it has none, or nothing of it was played.
pub(super) fn schedule(record: &Record, applied: &[Injection]) -> Option<Schedule> {
    let toggled = &record.started.toggled;
    let planned = toggled.first()?.on.len();
    let played = Played::of(&record.lines);
    let fits = toggled.iter().all(|fault| fault.on.len() == planned);
    if !fits || played.slots.is_empty() || played.slots.len() > planned {
        return None;
    }
    let mut slots = played.slots;
    if played.is_cut && slots.len() == planned {
        // The judge takes a schedule with all of its slots for complete, and tests it.
        slots.pop();
    }
    let id = |id: &String| format!("{}/{id}", record.started.run);
    let uses: Vec<Vec<String>> =
        toggled.iter().map(|fault| fault.injections.iter().map(id).collect()).collect();
    let first = |uses: &Vec<String>| {
        let mut applied = applied.iter().filter(|i| uses.contains(&i.id));
        applied.next().map(|i| i.id.clone()).or_else(|| uses.first().cloned()).unwrap_or_default()
    };
    let on = toggled.iter().zip(&uses).map(|(fault, uses)| (first(uses), fault.on.clone()));
    let on = on.collect();
    let toggling = Toggling { slots, on, block: planned, persists: played.persists };
    Some(Schedule { toggling, uses, drains: played.drains })
}

/// What a record's lines say of the slots.
#[derive(Default)]
struct Played {
    slots: Vec<(i64, i64)>,
    /// Drains after which the run went on.
    drains: Vec<(i64, i64)>,
    /// When the service was outside although its traffic had rested and was back.
    persists: Option<(i64, i64)>,
    /// True where the run ended before its time, or its record does.
    is_cut: bool,
}

impl Played {
    fn of(lines: &[Line]) -> Played {
        let mut played = Played::default();
        // The slot or the drain that is under way.
        let mut now: Option<(Phase, i64)> = None;
        let mut drained: Option<(i64, i64)> = None;
        // Since when the traffic flows again in a drain.
        let mut flows_ms: Option<i64> = None;
        for line in lines {
            let at_ms = line.at_unix_ms;
            match &line.event {
                Event::Phase(phase) => {
                    match now.take() {
                        Some((Phase::Holding, from_ms)) => played.slots.push((from_ms, at_ms)),
                        Some((Phase::Draining, from_ms)) => drained = Some((from_ms, at_ms)),
                        _ => {}
                    }
                    if *phase == Phase::Holding {
                        played.drains.extend(drained.take());
                    }
                    let is_seen = matches!(phase, Phase::Holding | Phase::Draining);
                    now = is_seen.then_some((*phase, at_ms));
                    flows_ms = None;
                }
                Event::Sample(sample) if sample.phase == Phase::Draining => {
                    let is_judged = sample.readings.iter().any(is_judged);
                    flows_ms = is_judged.then(|| flows_ms.unwrap_or(at_ms));
                }
                Event::Abort { cause, .. } => {
                    played.is_cut = true;
                    let is_rule = *cause == AbortCause::Rule;
                    let drains = now.is_some_and(|(phase, _)| phase == Phase::Draining);
                    let since = flows_ms.filter(|_| is_rule && drains);
                    played.persists = played.persists.or(since.map(|from_ms| (from_ms, at_ms)));
                }
                _ => {}
            }
        }
        if let Some((phase, from_ms)) = now {
            played.is_cut = true;
            let end_ms = lines.last().map_or(from_ms, |line| line.at_unix_ms);
            if phase == Phase::Holding && end_ms > from_ms {
                played.slots.push((from_ms, end_ms));
            }
        }
        played
    }
}

/// Samples are judged in a drain while the traffic flows, and not while it rests.
fn is_judged(reading: &Reading) -> bool {
    reading.interval.is_some() || reading.anomalous
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use squall_wire::record::{Sample, Toggled};

    const RECORD: &[u8] = include_bytes!("../../../wire/vectors/record.v1.jsonl");

    /// A record of these events, each so many milliseconds after the one before it.
    fn record(on: &[&str], events: Vec<(i64, Event)>) -> Record {
        let mut record = squall_report::read(RECORD).unwrap();
        let toggled = |(at, row): (usize, &&str)| Toggled {
            fault: "http.delay".into(),
            injections: vec![format!("i{at}a"), format!("i{at}b")],
            on: row.chars().map(|c| c == '#').collect(),
        };
        record.started.toggled = on.iter().enumerate().map(toggled).collect();
        let (first, mut at_unix_ms) = (record.lines[0].clone(), 0);
        let line = |(after_ms, event): (i64, Event)| {
            at_unix_ms += after_ms;
            Line { at_unix_ms, event, ..first.clone() }
        };
        record.lines = events.into_iter().map(line).collect();
        record
    }

    fn phase(after_ms: i64, phase: Phase) -> (i64, Event) {
        (after_ms, Event::Phase(phase))
    }

    /// Slots of ten seconds, each set up in one and undone in one.
    fn slots(count: usize) -> Vec<(i64, Event)> {
        let slot = |_| {
            [(1_000, Phase::Injecting), (1_000, Phase::Holding), (10_000, Phase::Reverting)]
                .map(|(after_ms, of)| phase(after_ms, of))
        };
        (0..count).flat_map(slot).collect()
    }

    fn abort(cause: AbortCause) -> (i64, Event) {
        (0, Event::Abort { cause, text: "it ended".into(), decided_us: None })
    }

    fn drain(after_ms: i64, anomalous: bool) -> (i64, Event) {
        let readings = vec![Reading { anomalous, ..Reading::default() }];
        (after_ms, Event::Sample(Sample { index: 0, phase: Phase::Draining, readings }))
    }

    fn spans(schedule: Option<Schedule>) -> Vec<(i64, i64)> {
        schedule.unwrap().toggling.slots
    }

    #[test]
    fn a_schedule_is_read_as_it_was_played() {
        let mut events = slots(4);
        events.push(phase(1_000, Phase::Recovering));
        let record = record(&["#..#", ".#.."], events);
        let found = schedule(&record, &[]).unwrap();
        let run = &record.started.run;
        assert_eq!(found.toggling.slots[..2], [(2_000, 12_000), (14_000, 24_000)]);
        let on = vec![
            (format!("{run}/i0a"), vec![true, false, false, true]),
            (format!("{run}/i1a"), vec![false, true, false, false]),
        ];
        assert_eq!((found.toggling.on, found.toggling.block), (on, 4));
        assert_eq!(found.uses[1], [format!("{run}/i1a"), format!("{run}/i1b")]);
        assert_eq!((found.drains, found.toggling.persists), (vec![], None));
        assert_eq!(schedule(&squall_report::read(RECORD).unwrap(), &[]), None);
    }

    #[test]
    fn what_was_cut_off_never_looks_complete() {
        let whole = |events| spans(schedule(&record(&["#..#"], events), &[])).len();
        assert_eq!(whole(slots(4)), 4);
        let mut killed = slots(3);
        killed.extend([phase(1_000, Phase::Injecting), phase(1_000, Phase::Holding)]);
        assert_eq!(whole(killed.clone()), 3, "it was killed as the last slot began");
        killed.push((9_000, Event::Warning { code: "c".into(), text: "t".into() }));
        assert_eq!(whole(killed.clone()), 3, "within the last slot");
        let mut stopped = slots(4);
        stopped.push(abort(AbortCause::Stopped));
        assert_eq!(whole(stopped), 3, "the engine tests no run that was stopped");
        let early = record(&["#..#"], killed[..killed.len() - 4].to_vec());
        assert_eq!(spans(schedule(&early, &[])), [(2_000, 12_000), (14_000, 24_000)]);
        assert_eq!(schedule(&record(&["#..#"], slots(0)), &[]), None);
        assert_eq!(schedule(&record(&["#..#"], slots(5)), &[]), None, "it is no such record");
    }

    #[test]
    fn a_slot_that_a_killed_run_was_in_counts_as_far_as_it_was_played() {
        let mut events = slots(1);
        events.extend([phase(1_000, Phase::Injecting), phase(1_000, Phase::Holding)]);
        events.push((4_000, Event::Warning { code: "c".into(), text: "t".into() }));
        let found = spans(schedule(&record(&["#..#"], events), &[]));
        assert_eq!(found, [(2_000, 12_000), (14_000, 18_000)]);
    }

    #[test]
    fn drains_are_no_slots_and_what_persists_after_one_is_known() {
        let mut events = slots(2);
        events.pop();
        events.push(phase(10_000, Phase::Draining));
        events.extend([drain(5_000, false), drain(5_000, true)]);
        let mut back = events.clone();
        back.push(phase(5_000, Phase::Reverting));
        back.extend(slots(2));
        let found = schedule(&record(&["#..#"], back), &[]).unwrap();
        assert_eq!(found.drains, [(24_000, 39_000)]);
        assert_eq!(found.toggling.slots[1..3], [(14_000, 24_000), (41_000, 51_000)]);
        let ends = |mut events: Vec<(i64, Event)>, cause| {
            events.extend([drain(5_000, true), abort(cause), phase(0, Phase::Reverting)]);
            let found = schedule(&record(&["#..#"], events), &[]).unwrap();
            assert!(found.drains.is_empty(), "nothing was played after it");
            found.toggling.persists
        };
        assert_eq!(ends(events.clone(), AbortCause::Rule), Some((34_000, 39_000)));
        assert_eq!(ends(events.clone(), AbortCause::AgentLost), None);
        events.push(drain(5_000, false));
        assert_eq!(ends(events, AbortCause::Rule), Some((44_000, 44_000)), "it rested again");
    }
}
