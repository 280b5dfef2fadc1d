//! What was played, kept in a file from which the next run goes on and the table is made.

use super::orders::Order;
use super::play::Played;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Default)]
pub(super) struct Ledger {
    file: Option<PathBuf>,
    /// Fault and order of everything that was played and left nothing.
    known: BTreeSet<String>,
    played: usize,
    failed: Vec<String>,
}

impl Ledger {
    pub(super) fn open(file: Option<PathBuf>) -> Ledger {
        let mut ledger = Ledger { file, ..Ledger::default() };
        let text = ledger.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        for line in text.iter().flat_map(|text| text.lines()) {
            // A line that a stopped run left half is played again.
            let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            if line["cuts"].is_u64() {
                let fault = line["fault"].as_str().unwrap_or_default();
                ledger.known.insert(format!("cuts {fault}"));
            } else if line["took_us"].is_u64() {
                ledger.known.insert(format!("{} {}", line["fault"], line["order"]));
            }
        }
        ledger
    }

    pub(super) fn has(&self, fault: &str, order: &Order) -> bool {
        self.known.contains(&format!("{} {}", json!(fault), json!(order.to_string())))
    }

    pub(super) fn add(&mut self, fault: &str, order: &Order, took: Result<Played, String>) {
        self.played += 1;
        if let Err(why) = &took {
            self.failed.push(format!("{fault}, {order}: {why}"));
        }
        let us = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap();
        let took_us = took.as_ref().ok().map(|played| us(played.took));
        let kernel_us = took.as_ref().ok().and_then(|played| played.kernel).map(us);
        self.note(&json!({
            "fault": fault, "who": order.who.name(), "order": order.to_string(),
            "took_us": took_us, "kernel_us": kernel_us, "residue": took.err(),
        }));
    }

    /// Adds the cuts of the journal of one fault.
    pub(super) fn add_cuts(&self, fault: &str, cuts: usize) {
        self.note(&json!({"fault": fault, "cuts": cuts}));
    }

    fn note(&self, line: &serde_json::Value) {
        let Some(file) = &self.file else { return };
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        writeln!(file.unwrap(), "{line}").unwrap();
    }

    /// True where the journal of this fault was cut already.
    pub(super) fn has_cuts(&self, fault: &str) -> bool {
        self.known.contains(&format!("cuts {fault}"))
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn played(&self) -> usize {
        self.played
    }

    pub(super) fn failed(&self) -> &[String] {
        &self.failed
    }
}
