//! Samples of everything that was ever sent or stored: each still reads, and writes back byte
//! for byte. A changed sample is a changed contract; a new version gets a file of its own.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use squall_wire::chain::Chain;
use squall_wire::journal;
use squall_wire::lease::Lease;
use squall_wire::protocol::{Answer, Ask, Call, FromAgent, Notice, encode};
use squall_wire::receipt::{Entry, Receipt};
use squall_wire::record::{Event, Line};
use squall_wire::sdk::{FromSdk, ToSdk};
use squall_wire::target::Inventory;
use std::collections::BTreeSet;

/// Reads each line, writes it back, and gives the values to look at.
#[track_caller]
fn check<T: Serialize + DeserializeOwned>(text: &str) -> Vec<T> {
    assert!(text.ends_with('\n'));
    let read = |line: &str| {
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(encode(&value), format!("{line}\n"));
        value
    };
    text.lines().map(read).collect()
}

/// Every variant has a sample: the match below stops compiling when one is added.
#[track_caller]
fn covers<T>(values: &[T], name: fn(&T) -> &'static str, names: &[&str]) {
    let seen: BTreeSet<&str> = values.iter().map(name).collect();
    assert_eq!(seen, names.iter().copied().collect());
}

#[test]
fn matrices() {
    let matrices: Vec<squall_wire::matrix::Matrix> =
        check(include_str!("../../vectors/matrix.v1.jsonl"));
    let words: Vec<&str> = matrices[0].cells().map(|cell| cell.word.name()).collect();
    assert_eq!(words, ["refuted", "held", "inconclusive"]);
}

#[test]
fn calls() {
    let calls: Vec<Call> = check(include_str!("../../vectors/calls.v1.jsonl"));
    let name = |call: &Call| match call.ask {
        Ask::Hello { .. } => "hello",
        Ask::Arm { .. } => "arm",
        Ask::Renew { .. } => "renew",
        Ask::Disarm { .. } => "disarm",
        Ask::Bite { .. } => "bite",
        Ask::Status => "status",
        Ask::Fingerprint { .. } => "fingerprint",
        Ask::Processes => "processes",
        Ask::UndoAll => "undoAll",
        Ask::Shutdown => "shutdown",
    };
    let names = [
        "hello",
        "arm",
        "renew",
        "disarm",
        "bite",
        "status",
        "fingerprint",
        "processes",
        "undoAll",
        "shutdown",
    ];
    covers(&calls, name, &names);
}

#[test]
fn answers_and_notices() {
    let lines: Vec<FromAgent> = check(include_str!("../../vectors/answers.v1.jsonl"));
    let name = |line: &FromAgent| match line {
        FromAgent::Notice(Notice::Ended { .. }) => "ended",
        FromAgent::Reply(reply) => match reply.answer {
            Answer::Welcome { .. } => "welcome",
            Answer::Armed(_) => "armed",
            Answer::Renewed { .. } => "renewed",
            Answer::Disarmed { .. } => "disarmed",
            Answer::Bite(_) => "bite",
            Answer::Status { .. } => "status",
            Answer::Fingerprint(_) => "fingerprint",
            Answer::Processes { .. } => "processes",
            Answer::Bye => "bye",
            Answer::Refused(_) => "refused",
        },
    };
    let names = [
        "ended",
        "welcome",
        "armed",
        "renewed",
        "disarmed",
        "bite",
        "status",
        "fingerprint",
        "processes",
        "bye",
        "refused",
    ];
    covers(&lines, name, &names);
}

#[test]
fn receipts_leases_and_inventories() {
    assert_eq!(check::<Receipt>(include_str!("../../vectors/receipts.v1.jsonl")).len(), 2);
    assert_eq!(check::<Lease>(include_str!("../../vectors/leases.v1.jsonl")).len(), 1);
    assert_eq!(check::<Inventory>(include_str!("../../vectors/inventory.v1.jsonl")).len(), 1);
}

#[test]
fn journal_lines() {
    // Written before lines were linked; still read.
    let old = journal::replay(include_bytes!("../../vectors/journal.v1"));
    assert!(old.damaged.is_empty(), "{:?}", old.damaged);
    assert_eq!((old.entries, old.open.len()), (3, 1));

    let text = include_str!("../../vectors/journal.v2");
    let replay = journal::replay(text.as_bytes());
    assert!(replay.damaged.is_empty(), "{:?}", replay.damaged);
    assert_eq!((replay.entries, replay.open), (3, old.open));
    let mut chain = Chain::default();
    let again = text.lines().map(|line| {
        let json = line.splitn(4, ' ').nth(3).unwrap();
        let line = journal::encode(&serde_json::from_str::<Entry>(json).unwrap(), &chain);
        chain.advance(line.trim_end().as_bytes());
        line
    });
    assert_eq!(again.collect::<String>(), text);
}

#[test]
fn record_lines() {
    let lines: Vec<Line> = check(include_str!("../../vectors/record.v1.jsonl"));
    let name = |line: &Line| match line.event {
        Event::Started(_) => "started",
        Event::Phase(_) => "phase",
        Event::Sample(_) => "sample",
        Event::Check(_) => "check",
        Event::Receipt { .. } => "receipt",
        Event::Inject { .. } => "inject",
        Event::Bite { .. } => "bite",
        Event::Strike { .. } => "strike",
        Event::Abort { .. } => "abort",
        Event::Restore { .. } => "restore",
        Event::Fingerprint { .. } => "fingerprint",
        Event::Compared { .. } => "compared",
        Event::Recover { .. } => "recover",
        Event::Endings { .. } => "endings",
        Event::Warning { .. } => "warning",
        Event::Verdict(_) => "verdict",
    };
    let names = [
        "started",
        "phase",
        "sample",
        "check",
        "receipt",
        "inject",
        "bite",
        "strike",
        "abort",
        "restore",
        "fingerprint",
        "compared",
        "recover",
        "endings",
        "warning",
        "verdict",
    ];
    covers(&lines, name, &names);
    let numbers: Vec<u64> = lines.iter().map(|line| line.seq).collect();
    assert_eq!(numbers, (0..lines.len() as u64).collect::<Vec<_>>());
}

#[test]
fn an_unknown_field_is_an_error_everywhere() {
    for line in include_str!("../../vectors/calls.v1.jsonl").lines() {
        let more = line.replacen('{', "{\"surely_unknown\":1,", 1);
        assert!(serde_json::from_str::<Call>(&more).is_err());
    }
    for line in include_str!("../../vectors/record.v1.jsonl").lines() {
        let more = line.replacen('{', "{\"surely_unknown\":1,", 1);
        assert!(serde_json::from_str::<Line>(&more).is_err());
    }
}

#[test]
fn calls_of_a_process_with_the_sdk() {
    let calls: Vec<ToSdk> = check(include_str!("../../vectors/sdk_calls.v1.jsonl"));
    let name = |call: &ToSdk| match call {
        ToSdk::Welcome { .. } => "welcome",
        ToSdk::Arm(_) => "arm",
        ToSdk::Renew { .. } => "renew",
        ToSdk::Bite { .. } => "bite",
        ToSdk::Disarm { .. } => "disarm",
        ToSdk::Refused { .. } => "refused",
    };
    covers(&calls, name, &["welcome", "arm", "renew", "bite", "disarm", "refused"]);
}

#[test]
fn answers_of_a_process_with_the_sdk() {
    let answers: Vec<FromSdk> = check(include_str!("../../vectors/sdk_answers.v1.jsonl"));
    let name = |answer: &FromSdk| match answer {
        FromSdk::Hello(_) => "hello",
        FromSdk::Ack(_) => "ack",
        FromSdk::Event(_) => "event",
    };
    covers(&answers, name, &["hello", "ack", "event"]);
}
