//! Owns the injections of a matrix: from ChaosBlade's reports and Squall's records.

use super::dose::dose;
use super::toggled;
use crate::context::Context;
use crate::diagnostics;
use crate::files;
use squall_judge::matrix::{Injection, Schedule};
use squall_judge::verdict::Bitten;
use squall_spec::chaosblade;
use squall_spec::diagnostic::has_error;
use squall_wire::record::{Event, Line};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A record of an hour has some megabytes.
const RECORD_BYTES_MAX: u64 = 512 << 20;

/// The injections, and what a person should know of their sources.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) injections: Vec<Injection>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) sources: Vec<String>,
    pub(super) notes: Vec<String>,
    /// True where a fault was left out: then what is left proves less than it seems to.
    pub(super) incomplete: bool,
}

impl Faults {
    /// Reads every source; none where one cannot be read at all.
    pub(super) fn read(
        context: &Context,
        reports: &[PathBuf],
        records: &[PathBuf],
        offset_ms: i64,
    ) -> Option<Faults> {
        let mut faults = Faults::default();
        for path in reports {
            faults.report(context, path)?;
        }
        for path in records {
            faults.record(context, path)?;
        }
        for injection in &mut faults.injections {
            injection.from_ms = injection.from_ms.saturating_add(offset_ms);
            injection.to_ms = injection.to_ms.map(|to| to.saturating_add(offset_ms));
        }
        let schedules = std::mem::take(&mut faults.schedules).into_iter();
        faults.schedules = schedules.map(|schedule| schedule.shifted(offset_ms)).collect();
        faults.injections.sort_by(|a, b| (a.from_ms, &a.id).cmp(&(b.from_ms, &b.id)));
        let before = faults.injections.len();
        faults.injections.dedup_by(|a, b| a.id == b.id && a.from_ms == b.from_ms);
        if faults.injections.len() < before {
            faults.notes.push("a fault that was told twice counts once".into());
        }
        Some(faults)
    }

    fn report(&mut self, context: &Context, path: &Path) -> Option<()> {
        let text = files::read(context, path, "what blade status --type create printed")?;
        let report = chaosblade::read(&text.text);
        diagnostics::draw(context, &text.name, &text.text, &report.diagnostics);
        self.sources.push(format!("chaosblade {}", text.name));
        if has_error(&report.diagnostics) {
            self.incomplete = true;
            let count = diagnostics::count(&report.diagnostics);
            self.notes.push(format!("{count} in {}: some faults are left out", text.name));
        }
        self.injections.extend(report.injections.into_iter().map(of_blade));
        Some(())
    }

    fn record(&mut self, context: &Context, path: &Path) -> Option<()> {
        use std::io::Read;
        let path = if path.is_dir() { path.join("record.jsonl") } else { path.to_owned() };
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(RECORD_BYTES_MAX).read_to_end(&mut bytes));
        let help = Some("give a record.jsonl, or the folder of a run below .squall/");
        if let Err(why) = read {
            context.error(&format!("cannot read {}: {why}", path.display()), help);
            return None;
        }
        let record = match squall_report::read(&bytes) {
            Ok(record) => record,
            Err(why) => {
                context.error(&format!("{}: {why}", path.display()), help);
                return None;
            }
        };
        self.sources.push(format!("record {}", path.display()));
        let mut missing: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for injection in &record.started.injections {
            match of_record(injection, &record.lines) {
                Some(injection) => self.injections.push(injection),
                None => {
                    *missing.entry((&injection.fault, &injection.target.name)).or_default() += 1
                }
            }
        }
        self.notes.extend(missing.into_iter().map(|((fault, target), times)| {
            let run = &record.started.run;
            match record.started.toggled.is_empty() {
                true => format!("run {run}: {fault} on {target} was never applied"),
                false => format!("run {run}: {fault} on {target} was not applied in {times} slots"),
            }
        }));
        let schedule = toggled::schedule(&record, &self.injections);
        // A record that was given twice counts once.
        self.schedules.extend(schedule.filter(|new| !self.schedules.contains(new)));
        Some(())
    }
}

fn of_blade(injection: chaosblade::Injection) -> Injection {
    let dose = dose(&injection.fault, &injection.flags);
    let mut about = injection.flags;
    if let Some(service) = &injection.service {
        about.entry("service".into()).or_insert_with(|| service.clone());
    }
    let target = injection.service.clone().unwrap_or_else(|| "host".into());
    Injection {
        id: injection.uid,
        fault: injection.fault,
        said: injection.said,
        target,
        service: injection.service,
        about,
        from_ms: injection.from_ms,
        to_ms: injection.to_ms,
        // ChaosBlade tells that a command ran, not that it acted.
        bitten: Bitten::Unknown,
        dose,
    }
}

fn of_record(injection: &squall_wire::injection::Injection, lines: &[Line]) -> Option<Injection> {
    let mut from_ms = None;
    let mut to_ms = None;
    let mut bitten = Bitten::Unknown;
    for line in lines {
        match &line.event {
            Event::Inject { injection: id, .. } if *id == injection.id => {
                from_ms = Some(line.at_unix_ms);
            }
            Event::Restore { injection: id, .. } if *id == injection.id => {
                to_ms = Some(line.at_unix_ms);
            }
            Event::Bite { injection: id, bite } if *id == injection.id => {
                bitten = match bite {
                    bite if bite.hits == 0 => Bitten::No,
                    bite if bite.is_off() => Bitten::Off,
                    _ => Bitten::Yes,
                };
            }
            _ => {}
        }
    }
    let target = &injection.target;
    let about = [
        ("service", target.service.clone()),
        ("instance", target.name.clone()),
        ("pod", target.name.clone()),
        ("pid", target.process.pid.to_string()),
    ];
    let mut about: BTreeMap<String, String> =
        about.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    about.extend(injection.filters.iter().map(|(k, v)| (k.clone(), v.clone())));
    Some(Injection {
        id: format!("{}/{}", injection.run, injection.id),
        fault: injection.fault.clone(),
        said: injection.fault.clone(),
        target: target.name.clone(),
        service: Some(target.service.clone()).filter(|service| !service.is_empty()),
        about,
        from_ms: from_ms?,
        to_ms,
        bitten,
        dose: dose(&injection.fault, &injection.params),
    })
}
