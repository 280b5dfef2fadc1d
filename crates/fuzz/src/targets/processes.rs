//! Bytes of other processes of ours, of processes that have the SDK, and of earlier runs' files.

use serde::Serialize;
use serde::de::DeserializeOwned;
use squall_faults::{catalog, values};
use squall_report::Model;
use squall_wire::chain::Chain;
use squall_wire::journal;
use squall_wire::protocol::{Ask, Call, FromAgent};
use squall_wire::receipt::Entry;
use squall_wire::sdk::{FromSdk, ToSdk};

use crate::Target;

/// The agent's protocol, both ways, and the values of its injections.
pub(super) const PROTOCOL: Target = Target {
    name: "protocol",
    about: "what clients say to the agent, and the agent to them",
    words: &[
        "\"id\":",
        "\"ask\":",
        "\"arm\":",
        "\"params\":",
        "\"reply\":",
        "500ms",
        "50%",
        "payment",
    ],
    run: protocol,
};

/// The SDK's protocol, both ways.
pub(super) const SDK: Target = Target {
    name: "sdk",
    about: "what processes with the SDK say to the agent, and the agent to them",
    words: &["\"hello\":", "\"ack\":", "\"event\":", "\"bite\":", "\"recovered\":"],
    run: sdk,
};

/// The journal of receipts.
pub(super) const JOURNAL: Target = Target {
    name: "journal",
    about: "the journal, which a crash may have cut and a disk may have changed",
    words: &["{\"open\":", "{\"close\":", "00000000 ", "\n"],
    run: journal,
};

/// A run's record, in every format of its report.
pub(super) const RECORD: Target = Target {
    name: "record",
    about: "a record that somebody hands over, and its report",
    words: &["\"v\":", "\"seq\":", "\"event\":", "\"verdict\":", "null", "1e308"],
    run: record,
};

/// What is read is written so that it is read the same.
fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&message).expect("a message that was read cannot be written");
    let again: T = serde_json::from_slice(&written).expect("what was written cannot be read");
    assert_eq!(again, message);
    Some(message)
}

fn protocol(bytes: &[u8]) {
    let _from_agent = same::<FromAgent>(bytes);
    let Some(Call { ask: Ask::Arm { injection, .. }, .. }) = same::<Call>(bytes) else { return };
    // The agent checks the values again, since anybody may have sent them.
    for entry in catalog::ALL.iter().filter(|e| e.fault.describe().name == injection.fault) {
        let Ok(checked) = values::check(entry.fault, &injection.params, &injection.filters) else {
            continue;
        };
        let printed = checked.print(entry.fault.describe().params);
        let filters = checked.print(entry.fault.describe().filters);
        let again = values::check(entry.fault, &printed, &filters);
        assert!(again.is_ok(), "values that are fine are not once they are printed: {again:?}");
    }
}

fn sdk(bytes: &[u8]) {
    let _to_sdk = same::<ToSdk>(bytes);
    let _from_sdk = same::<FromSdk>(bytes);
}

fn journal(bytes: &[u8]) {
    let first = journal::replay(bytes);
    assert!(first.sound_bytes <= bytes.len());
    // What is still to be undone survives a journal that is written anew.
    let (mut anew, mut chain) = (String::new(), Chain::default());
    for receipt in &first.open {
        let line = journal::encode(&Entry::Open(receipt.clone()), &chain);
        chain.advance(line.trim_end().as_bytes());
        anew.push_str(&line);
    }
    let second = journal::replay(anew.as_bytes());
    assert_eq!(second.open, first.open);
    assert!(second.damaged.is_empty());
    // A line that is cut hides no receipt before it.
    let cut = &bytes[..first.sound_bytes];
    assert_eq!(journal::replay(cut).open, first.open);
}

fn record(bytes: &[u8]) {
    let Ok(record) = squall_report::read(bytes) else { return };
    let model = Model::of(&record);
    let options = squall_report::Options::default();
    for format in squall_report::formats::ALL {
        assert!(!(format.render)(&model, &options).is_empty(), "{} is empty", format.name);
    }
}
