//! Owns the records: bytes to injections with their times.

use super::name::{fault_name, service_of};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::units::Duration;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const NOT_JSON: Code = Code::error("S550");
const NO_RECORD: Code = Code::warning("S551");
const BAD_TIME: Code = Code::error("S552");
const TURNED: Code = Code::error("S553");
const NOT_RUN: Code = Code::warning("S554");
const NOTHING: Code = Code::error("S555");

/// Messages kept of one report.
const DIAGNOSTICS_MAX: usize = 200;
/// Injections of one report; a matrix of more columns is for nobody.
const INJECTIONS_MAX: usize = 10_000;

/// One experiment that was on for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// ChaosBlade's uid.
    pub uid: String,
    /// The fault, by our name where we have the same.
    pub fault: String,
    /// As ChaosBlade says it: `k8s pod-cpu fullload`.
    pub said: String,
    /// The service it acted on, where its flags say.
    pub service: Option<String>,
    /// Its flags.
    pub flags: BTreeMap<String, String>,
    /// When it began, in milliseconds since 1970.
    pub from_ms: i64,
    /// When it ended; none where the report does not know that it did.
    pub to_ms: Option<i64>,
}

/// What a report holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The injections, by time.
    pub injections: Vec<Injection>,
    /// What could not be used, and why.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a report: one JSON document, or several behind each other.
pub fn read(text: &str) -> Report {
    let mut reader = Reader { report: Report::default(), records: BTreeMap::new() };
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.trim_start().is_empty()) {
        let start = at + rest.len() - rest.trim_start().len();
        let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => {
                let end = start + stream.byte_offset();
                reader.value(value, Span::new(start, end));
                at = end;
            }
            Some(Err(why)) => {
                // The rest of the line is lost; the next one may be whole again.
                let line = text[start..].find('\n').map_or(text.len(), |n| start + n + 1);
                let end = shown_end(text, start, line);
                let message = format!("this is no JSON: {}", short(&why.to_string()));
                let help = "give what blade status --type create prints, or one record a line";
                reader.say(Diagnostic::new(NOT_JSON, Span::new(start, end), message).help(help));
                at = line;
            }
            None => break,
        }
    }
    reader.finish()
}

/// A place to mark that is no longer than a line on a screen.
fn shown_end(text: &str, start: usize, line: usize) -> usize {
    let mut end = line.min(start + 60);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    start + text[start..end.max(start)].trim_end().len()
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

struct Reader {
    report: Report,
    /// The newest record of each uid, with its place.
    records: BTreeMap<String, (BTreeMap<String, String>, Span)>,
}

impl Reader {
    fn say(&mut self, diagnostic: Diagnostic) {
        if self.report.diagnostics.len() < DIAGNOSTICS_MAX {
            self.report.diagnostics.push(diagnostic);
        }
    }

    fn value(&mut self, value: Value, span: Span) {
        match value {
            Value::Array(all) => all.into_iter().for_each(|one| self.value(one, span)),
            Value::Object(map) => self.object(map, span),
            other => {
                let message = format!("{} is no record", short(&other.to_string()));
                self.say(Diagnostic::new(
                    NO_RECORD,
                    Span::new(span.start, span.start + 1),
                    message,
                ));
            }
        }
    }

    fn object(&mut self, mut map: Map<String, Value>, span: Span) {
        let first = Span::new(span.start, span.start + 1);
        if let Some(result) = map.remove("result") {
            return match result {
                Value::String(said) => {
                    let message = format!("the answer {} has no times", short(&said));
                    let help = "give the record: blade status UID";
                    self.say(Diagnostic::new(NO_RECORD, first, message).help(help));
                }
                other => self.value(other, span),
            };
        }
        if map.get("success") == Some(&Value::Bool(false)) {
            let why = map.get("error").and_then(Value::as_str).unwrap_or("no reason is given");
            let message = format!("ChaosBlade refused: {}", short(why));
            return self.say(Diagnostic::new(NOT_RUN, first, message));
        }
        // ChaosBlade prints its struct's own names; some wrappers lower them.
        let fields: BTreeMap<String, String> = map
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_ascii_lowercase(), text_of(value)?)))
            .collect();
        let Some(uid) = fields.get("uid").filter(|uid| !uid.is_empty()).cloned() else {
            let help =
                "a record has Uid, Command, SubCommand, Flag, Status, CreateTime, UpdateTime";
            return self.say(Diagnostic::new(NO_RECORD, first, "this is no record").help(help));
        };
        if self.records.len() >= INJECTIONS_MAX && !self.records.contains_key(&uid) {
            return;
        }
        // A uid may be told several times, as it was created and as it was destroyed.
        let newer = |old: &BTreeMap<String, String>| {
            let time = |of: &BTreeMap<String, String>| {
                of.get("updatetime").and_then(|t| t.parse::<jiff::Timestamp>().ok())
            };
            time(&fields) >= time(old)
        };
        match self.records.get(&uid) {
            Some((old, _)) if !newer(old) => {}
            _ => drop(self.records.insert(uid, (fields, first))),
        }
    }

    fn finish(mut self) -> Report {
        for (uid, (fields, span)) in std::mem::take(&mut self.records) {
            match injection(&uid, &fields, span) {
                Ok(injection) => self.report.injections.push(injection),
                Err(diagnostic) => self.say(*diagnostic),
            }
        }
        if self.report.injections.is_empty() && self.report.diagnostics.is_empty() {
            let help = "give what blade status --type create prints";
            self.say(Diagnostic::new(NOTHING, Span::NONE, "the report is empty").help(help));
        }
        self.report.injections.sort_by(|a, b| (a.from_ms, &a.uid).cmp(&(b.from_ms, &b.uid)));
        self.report.diagnostics =
            crate::diagnostic::in_file_order(std::mem::take(&mut self.report.diagnostics));
        self.report
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn injection(
    uid: &str,
    fields: &BTreeMap<String, String>,
    span: Span,
) -> Result<Injection, Box<Diagnostic>> {
    let text = |key: &str| fields.get(key).map_or("", String::as_str);
    let shown = short(uid);
    if fields.contains_key("programtype") {
        let message = format!("{shown} is a preparation, no experiment");
        return Err(Box::new(Diagnostic::new(NO_RECORD, span, message)));
    }
    let (command, sub) = (text("command"), text("subcommand"));
    let flags = flags(text("flag"));
    let from_ms = time(text("createtime"), "CreateTime", &shown, span)?;
    let to_ms = match text("status") {
        "Destroyed" => Some(time(text("updatetime"), "UpdateTime", &shown, span)?),
        "Success" | "Running" => {
            let limit = flags.get("timeout").and_then(|t| timeout_ms(t));
            limit.map(|ms| from_ms.saturating_add(ms))
        }
        status => {
            let error = text("error");
            let why = if error.is_empty() { String::new() } else { format!(": {}", short(error)) };
            let message = format!("{shown} was not on: its status is {}{why}", short(status));
            return Err(Box::new(Diagnostic::new(NOT_RUN, span, message)));
        }
    };
    if to_ms.is_some_and(|to_ms| to_ms < from_ms) {
        let message = format!("{shown} ended before it began");
        let help = "the clocks of two machines differ, or the record is damaged; it is left out";
        return Err(Box::new(Diagnostic::new(TURNED, span, message).help(help)));
    }
    Ok(Injection {
        uid: uid.to_owned(),
        fault: fault_name(command, sub),
        said: format!("{command} {sub}").trim().to_owned(),
        service: service_of(&flags),
        flags,
        from_ms,
        to_ms,
    })
}

fn time(text: &str, field: &str, uid: &str, span: Span) -> Result<i64, Box<Diagnostic>> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(jiff::Timestamp::as_millisecond).map_err(|_| {
        let message = format!("the {field} of {uid} is no time: {:?}", short(text));
        let help = "2026-11-28T09:14:02.000000001+08:00; without it the injection is left out";
        Box::new(Diagnostic::new(BAD_TIME, span, message).help(help))
    })
}

/// ChaosBlade takes whole seconds and Go's durations.
fn timeout_ms(text: &str) -> Option<i64> {
    let seconds = text.parse::<u32>().ok().map(|s| i64::from(s) * 1000);
    let ms = seconds.or_else(|| i64::try_from(text.parse::<Duration>().ok()?.as_millis()).ok());
    ms.filter(|ms| *ms > 0)
}

/// Reads `" --name=value --name=value"`, in which a space inside a value is `@@##`.
fn flags(text: &str) -> BTreeMap<String, String> {
    let words = text.split(" --").map(|word| word.trim().trim_start_matches("--"));
    words
        .filter(|word| !word.is_empty())
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap_or((word, "true"));
            (name.to_owned(), value.replace("@@##", " "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: &str = r#"{"Uid":"5b3f0c0a9d7e1f22","Command":"k8s","SubCommand":"pod-cpu fullload","Flag":" --namespace=prod --names=auth-7d9f8c6b5-x2x4p --note=a@@##b","Status":"Destroyed","Error":"","CreateTime":"2026-11-28T09:14:02.000000001+08:00","UpdateTime":"2026-11-28T09:15:02.5+08:00","Extra":{"a":[1]}}"#;

    fn said(text: &str) -> Vec<String> {
        let report = read(text);
        let injections = report.injections.iter().map(|i| {
            let to = i.to_ms.map_or("still on".into(), |to| format!("{} ms", to - i.from_ms));
            let service = i.service.as_deref().unwrap_or("?");
            format!("{} {} -> {service}, {to}", i.uid, i.fault)
        });
        injections
            .chain(report.diagnostics.iter().map(|d| format!("{} {}", d.code, d.message)))
            .collect()
    }

    #[test]
    fn status_answers_records_and_lines_are_read_in_any_order() {
        let one = "5b3f0c0a9d7e1f22 cpu.load -> auth, 60500 ms";
        let status = format!(r#"{{"code":200,"success":true,"result":{RECORD}}}"#);
        let list = format!(r#"{{"code":200,"success":true,"result":[{RECORD},{RECORD}]}}"#);
        let before = RECORD
            .replace("Destroyed", "Success")
            .replace("2026-11-28T09:15:02.5", "2026-11-28T09:14:02.5");
        for text in [
            RECORD.to_owned(),
            status,
            list,
            format!("{RECORD}\n{before}\n"),
            format!("{before}{RECORD}"),
        ] {
            assert_eq!(said(&text), [one], "{text}");
        }
        let flags = read(RECORD).injections.remove(0).flags;
        assert_eq!(flags["note"], "a b");
    }

    #[test]
    fn what_was_not_on_or_has_no_time_is_said() {
        let check = |from: &str, to: &str, expected: &str| {
            assert_eq!(said(&RECORD.replace(from, to)), [expected]);
        };
        check("Destroyed", "Error", "S554 5b3f0c0a9d7e1f22 was not on: its status is Error");
        check("09:15:02.5", "09:13:02.5", "S553 5b3f0c0a9d7e1f22 ended before it began");
        check(
            "2026-11-28T09:14:02.000000001+08:00",
            "yesterday",
            "S552 the CreateTime of 5b3f0c0a9d7e1f22 is no time: \"yesterday\"",
        );
        check("Destroyed", "Running", "5b3f0c0a9d7e1f22 cpu.load -> auth, still on");
        let limited =
            RECORD.replace("Destroyed", "Success").replace("--note=a@@##b", "--timeout=30");
        assert_eq!(said(&limited), ["5b3f0c0a9d7e1f22 cpu.load -> auth, 30000 ms"]);
        assert_eq!(
            said(r#"{"code":200,"success":true,"result":"5b3f0c0a9d7e1f22"}"#),
            ["S551 the answer 5b3f0c0a9d7e1f22 has no times"]
        );
        assert_eq!(
            said(r#"{"code":43000,"success":false,"error":"not root"}"#),
            ["S554 ChaosBlade refused: not root"]
        );
        assert_eq!(said(""), ["S555 the report is empty"]);
        assert_eq!(said("3"), ["S551 3 is no record"]);
        assert_eq!(said("{}"), ["S551 this is no record"]);
    }

    #[test]
    fn a_damaged_line_costs_only_itself_and_depth_only_a_message() {
        let found = said(&format!("{{\"Uid\":\n{RECORD}\nnot json\n"));
        assert_eq!(found.iter().filter(|s| s.contains("cpu.load")).count(), 1, "{found:?}");
        let deep = "[".repeat(100_000);
        assert!(said(&deep)[0].starts_with("S550 this is no JSON"), "{:?}", said(&deep)[0]);
        let wide = format!("{{\"Uid\":\"{}\"}}", "x".repeat(10 << 20));
        assert!(said(&wide)[0].len() < 400);
    }

    proptest! {
        #[test]
        fn a_damaged_report_never_panics(at in 0_usize..400, cut in 0_usize..80, put in "[\\[\\]{}\",:a0-9é\n]{0,8}") {
            let mut text = RECORD.to_owned();
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            text.replace_range(at..end, &put);
            let report = read(&text);
            prop_assert!(!report.injections.is_empty() || !report.diagnostics.is_empty());
            for injection in report.injections {
                prop_assert!(injection.to_ms.is_none_or(|to| to >= injection.from_ms));
            }
        }
    }
}
