//! What holds for every record, however strange.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::builder::{self, SCENARIOS};
use proptest::prelude::*;
use squall_report::model::Standing;
use squall_report::progress::Progress;
use squall_report::style::Style;
use squall_report::{Model, Options, formats, read};
use squall_wire::record::{Event, Line, Phase, Reading, Sample, Word};

/// Lines of every scenario, to be dealt in any order.
fn deck() -> Vec<Line> {
    SCENARIOS.iter().flat_map(|(_, scenario)| scenario().lines()).collect()
}

fn bytes(lines: &[Line]) -> Vec<u8> {
    let mut out = Vec::new();
    for (seq, line) in lines.iter().enumerate() {
        serde_json::to_writer(&mut out, &Line { seq: seq as u64, ..line.clone() }).unwrap();
        out.push(b'\n');
    }
    out
}

/// Renders everything there is, for the panics it must not have.
fn render_all(lines: &[Line]) -> Model {
    let model = Model::of(&read(&bytes(lines)).unwrap());
    for format in formats::ALL {
        let text = (format.render)(&model, &Options::default());
        assert!(!text.is_empty());
    }
    let mut progress = Progress::new(Style::default());
    for line in lines {
        progress.line(line);
        progress.block(line.at_unix_ms, 80);
    }
    model
}

fn strange_sample() -> impl Strategy<Value = Event> {
    let number = prop_oneof![
        Just(0.0),
        Just(1.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(-1.0),
        any::<f64>()
    ];
    let finite = number.prop_map(|v: f64| if v.is_finite() { v } else { 0.5 });
    let reading =
        (proptest::option::of(finite.clone()), any::<bool>(), any::<u64>(), finite.clone());
    let reading = reading.prop_map(|(value, anomalous, total, low)| Reading {
        value,
        total: Some(total),
        bad_least: Some(total / 2),
        anomalous,
        interval: value.map(|v| (low, v)),
        e: value,
        ..Reading::default()
    });
    let readings = proptest::collection::vec(reading, 0..4);
    readings
        .prop_map(|readings| Event::Sample(Sample { index: 0, phase: Phase::Holding, readings }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_events_renders(
        picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<i32>()), 0..40),
        samples in proptest::collection::vec(strange_sample(), 0..6),
    ) {
        let deck = deck();
        let mut lines = vec![builder::refuted().lines().remove(0)];
        for (pick, shift) in picks {
            let mut line = pick.get(&deck).clone();
            line.at_unix_ms = line.at_unix_ms.wrapping_add(i64::from(shift));
            lines.push(line);
        }
        for event in samples {
            lines.push(Line { event, ..deck[40].clone() });
        }
        render_all(&lines);
    }

    #[test]
    fn any_prefix_of_a_run_is_a_record(cut in any::<prop::sample::Index>()) {
        let whole = builder::refuted().bytes();
        let cut = cut.index(whole.len() + 1);
        let first = whole.iter().position(|b| *b == b'\n').unwrap();
        match read(&whole[..cut]) {
            Ok(record) => {
                let model = Model::of(&record);
                let complete = record.lines.len() == builder::refuted().lines().len();
                prop_assert_eq!(model.standing == Standing::Judged(Word::Refuted), complete);
                prop_assert!(complete || model.standing == Standing::Interrupted);
            }
            Err(_) => prop_assert!(cut < first),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

#[test]
fn every_scenario_stands_where_it_should() {
    let standings: Vec<&str> = SCENARIOS
        .iter()
        .map(|(_, scenario)| render_all(&scenario().lines()).standing.word())
        .collect();
    let expected = [
        "refuted",
        "refuted",
        "refuted",
        "held",
        "inconclusive",
        "invalid",
        "aborted",
        "not restored",
        "refuted",
        "not restored",
        "refuted",
        "interrupted",
        "refuted",
    ];
    assert_eq!(standings, expected);
}
