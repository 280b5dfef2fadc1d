//! The published schema: fresh, and of one mind with the reader wherever a schema can know.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::language::{base_with, blocks, read, root};
use serde_json::Value;
use squall_spec::{FaultShape, KeyShape, schema};

/// What only a reader can know: units against queries, sums, names, zones, YAML itself.
const READER_ONLY: [&str; 16] = [
    "S100", "S101", "S102", "S103", "S107", "S108", "S112", "S113", "S116", "S201", "S202", "S203",
    "S204", "S205", "S206", "S314",
];

fn json(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

#[test]
fn the_schema_and_the_reader_agree_on_every_block() {
    let validator = jsonschema::validator_for(&schema(&[])).unwrap();
    let page = std::fs::read_to_string(root().join("docs/language/experiment.md")).unwrap();
    let mut counted = [0, 0];
    for (info, block) in blocks(&page) {
        let text = if info == "yaml spec" { base_with(&block).0 } else { block };
        let Some(value) = json(&text) else { continue };
        let errors: Vec<_> = read(&text).into_iter().filter(|d| d.is_error()).collect();
        if errors.is_empty() {
            let why: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(why.is_empty(), "{why:?}\n{text}");
            counted[0] += 1;
        } else if errors.iter().any(|d| !READER_ONLY.contains(&d.code)) {
            assert!(!validator.is_valid(&value), "{errors:?}\n{text}");
            counted[1] += 1;
        }
    }
    assert!(counted[0] >= 2 && counted[1] >= 6, "blocks were compared: {counted:?}");
}

#[test]
fn faults_come_in_as_data() {
    let key = |name: &str, required, words: &[&str], pattern: Option<&str>| KeyShape {
        name: name.to_owned(),
        help: String::new(),
        required,
        words: words.iter().map(|&word| word.to_owned()).collect(),
        pattern: pattern.map(str::to_owned),
    };
    let shape = FaultShape {
        name: "http.delay".to_owned(),
        summary: "requests are late".to_owned(),
        with: vec![
            key("mean", true, &[], Some(squall_spec::schema::DURATION_PATTERN)),
            key("side", false, &["request", "response"], None),
        ],
        where_: vec![key("path", false, &[], None)],
    };
    let validator = jsonschema::validator_for(&schema(&[shape])).unwrap();
    let check = |step: &str, expected: bool| {
        let text = base_with(&format!("method:\n  - {step}\n")).0;
        assert_eq!(validator.is_valid(&json(&text).unwrap()), expected, "{step}");
    };
    check("{fault: http.delay, target: {pid: 7}, with: {mean: 5ms}, hold: 1s}", true);
    check(
        "{fault: http.delay, target: {pid: 7}, with: {mean: 5ms, side: request}, hold: 1s}",
        true,
    );
    check("{fault: http.delay, target: {pid: 7}, hold: 1s}", false);
    check("{fault: http.delay, target: {pid: 7}, with: {maen: 5ms}, hold: 1s}", false);
    check("{fault: http.delay, target: {pid: 7}, with: {mean: 5}, hold: 1s}", false);
    check("{fault: http.delay, target: {pid: 7}, with: {mean: 5ms, side: both}, hold: 1s}", false);
    check("{fault: http.dela, target: {pid: 7}, with: {mean: 5ms}, hold: 1s}", false);
}

#[test]
fn the_published_schema_is_fresh() {
    let path = root().join("docs/schema/experiment.json");
    let fresh = serde_json::to_string_pretty(&schema(&[])).unwrap() + "\n";
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    if published != fresh {
        std::fs::write(&path, &fresh).unwrap();
        panic!("docs/schema/experiment.json was stale and is written anew: commit it");
    }
}
