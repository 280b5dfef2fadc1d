//! The experiment file as a JSON Schema, for editors and for Kubernetes.
//!
//! Faults come in as data, so that the language does not know the catalog.

use crate::read::method::REPEATS_MAX;
use serde_json::{Map, Value, json};

/// A fault, as much as a schema needs.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultShape {
    /// Its name.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// Keys of `with`.
    pub with: Vec<KeyShape>,
    /// Keys of `where`.
    pub where_: Vec<KeyShape>,
}

/// One key of a `with` or `where` block.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyShape {
    /// The key.
    pub name: String,
    /// What it means.
    pub help: String,
    /// Whether a file must write it.
    pub required: bool,
    /// The words it may be; empty where it is no word.
    pub words: Vec<String>,
    /// A pattern of its text, where there is one.
    pub pattern: Option<String>,
}

/// Lengths of time in Go's form.
pub const DURATION_PATTERN: &str = r"^(0|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|μs|ns))+)$";
/// Shares in percent.
pub const SHARE_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? *%$";
/// Amounts of memory and data.
pub const BYTES_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? *([KMGT]iB|[kMGT]?B)$";
/// Data over time.
pub const BYTE_RATE_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? *([KMGT]iB|[kMGT]?B|[kMG]?bit) */ *s$";
const RATE_PATTERN: &str = r"^[0-9]+(\.[0-9]+)? */ *(s|m|min|h)$";
const EXPECT_PATTERN: &str = r"^ *(>=|<=|>|<) *-?[0-9].*$";
const NAME_PATTERN: &str = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
const WINDOW_PATTERN: &str = r"^ *[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9] +\S+ *$";
const ADDRESS_PATTERN: &str = r"^http://[^\s/]\S*$";

/// Returns the schema; with no faults given, any name and any values are taken.
pub fn schema(faults: &[FaultShape]) -> Value {
    let head = json!({
        "apiVersion": {"const": crate::experiment::API_VERSION},
        "kind": {"const": "Experiment"},
        "metadata": object(
            json!({
                "name": said("Lower-case words joined by dashes.", pattern(NAME_PATTERN)),
                "labels": {"$ref": "#/$defs/words"},
                "namespace": {"type": "string"},
                "annotations": {"$ref": "#/$defs/words"},
            }),
            &["name"],
        ),
        "spec": {"$ref": "#/$defs/spec"},
    });
    let mut schema = object(head, &["apiVersion", "kind", "metadata", "spec"]);
    let extra = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://squall.dev/schema/experiment.json",
        "title": "Squall experiment",
        "$defs": {
            "spec": spec(),
            "signal": signal(),
            "traffic": traffic(),
            "indicator": indicator(),
            "target": target(),
            "step": step(faults),
            "duration": pattern(DURATION_PATTERN),
            "rate": pattern(RATE_PATTERN),
            "address": pattern(ADDRESS_PATTERN),
            "count": {"type": "integer", "minimum": 1},
            "word": {"type": ["string", "number", "boolean"]},
            "words": {"type": "object", "additionalProperties": {"$ref": "#/$defs/word"}},
        },
    });
    if let (Value::Object(schema), Value::Object(extra)) = (&mut schema, extra) {
        schema.extend(extra);
    }
    schema
}

fn spec() -> Value {
    let keys = json!({
        "hypothesis": said("The sentence to prove or refute.", json!({"type": "string"})),
        "signals": filled("Where numbers come from.", "signal"),
        "steadyState": filled("What normal means.", "indicator"),
        "baseline": said("How long normal must hold first; 30s unless written.", refer("duration")),
        "abort": said("When to stop early.", object(
            json!({
                "consecutive": refer("count"),
                "every": refer("duration"),
                "literal": {"type": "boolean"},
                "falseAlarm": {"anyOf": [
                    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
                    pattern(SHARE_PATTERN),
                ]},
            }),
            &[],
        )),
        "method": said("The faults, one after the other, or switched on and off at random.", json!({
            "oneOf": [filled("One after the other.", "step"), toggled()],
        })),
        "recovery": said(
            "How soon normal must be back.",
            object(json!({"within": refer("duration")}), &[]),
        ),
        "window": said("When it may begin: 22:00-06:00 Asia/Shanghai.", pattern(WINDOW_PATTERN)),
        "radius": said("A bound on what it may touch.", object(
            json!({
                "instances": refer("count"),
                "hosts": refer("count"),
                "allowAll": {"type": "boolean"},
            }),
            &[],
        )),
        "budget": said("What it may cost.", object(
            json!({"allowance": refer("duration"), "over": refer("duration")}),
            &["allowance"],
        )),
    });
    object(keys, &["hypothesis", "signals", "steadyState", "method"])
}

fn toggled() -> Value {
    let repeats = json!({"type": "integer", "minimum": 1, "maximum": REPEATS_MAX.0});
    let drain = json!({"anyOf": [refer("duration"), {"const": "never"}]});
    let keys = json!({
        "toggle": said(
            "Slots with each fault, as many without it, in a random order.",
            object(json!({"repeats": repeats, "drain": drain}), &["repeats"]),
        ),
        "faults": filled("Each holds for one slot.", "step"),
    });
    object(keys, &["toggle", "faults"])
}

fn signal() -> Value {
    let one = |key: &str, value: Value| object(json!({ key: value }), &[key]);
    json!({"oneOf": [
        one("scrape", refer("address")),
        one("prometheus", refer("address")),
        one("traffic", refer("traffic")),
    ]})
}

fn traffic() -> Value {
    let phase = object(json!({"rate": refer("rate"), "for": refer("duration")}), &["rate", "for"]);
    let keys = json!({
        "url": refer("address"),
        "rate": said("Arrivals, whatever the answers do: 500/s.", refer("rate")),
        "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]},
        "body": {"type": "string"},
        "headers": {"$ref": "#/$defs/words"},
        "protocol": {"enum": ["http1", "http2"]},
        "timeout": refer("duration"),
        "connections": refer("count"),
        "inFlight": refer("count"),
        "phases": {"type": "array", "items": phase},
    });
    object(keys, &["url", "rate"])
}

fn indicator() -> Value {
    let keys = json!({
        "name": {"type": "string"},
        "query": said("PromQL that yields one number.", json!({"type": "string"})),
        "expect": said("The bound, for example >= 99.95% or <= 300ms.", pattern(EXPECT_PATTERN)),
    });
    object(keys, &["name", "query", "expect"])
}

fn target() -> Value {
    let word = || json!({"type": ["string", "number"]});
    let selectors = [
        ("service", word()),
        ("process", word()),
        ("pid", json!({"type": "integer", "minimum": 1})),
        ("port", json!({"type": "integer", "minimum": 1, "maximum": 65535})),
        ("unit", word()),
        ("cgroup", word()),
        ("container", word()),
        ("labels", json!({"$ref": "#/$defs/words"})),
    ];
    let one_of: Vec<_> = selectors.iter().map(|(key, _)| json!({"required": [key]})).collect();
    let mut keys: Map<String, Value> =
        selectors.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    keys.insert("instances".to_owned(), refer("count"));
    let mut target = object(Value::Object(keys), &[]);
    target["oneOf"] = json!(one_of);
    target
}

fn step(faults: &[FaultShape]) -> Value {
    let names: Vec<_> = faults
        .iter()
        .map(|fault| json!({"const": fault.name, "description": fault.summary}))
        .collect();
    let fault = if names.is_empty() { json!({"type": "string"}) } else { json!({"oneOf": names}) };
    let keys = json!({
        "fault": fault,
        "target": refer("target"),
        "where": {"$ref": "#/$defs/words"},
        "with": {"$ref": "#/$defs/words"},
        "hold": said("How long it stays.", refer("duration")),
        "lease": said("How long an agent keeps it without renewal; 5s unless written.", refer("duration")),
    });
    let mut step = object(keys, &["fault", "target", "hold"]);
    if !faults.is_empty() {
        step["allOf"] = faults.iter().map(of_fault).collect();
    }
    step
}

fn of_fault(fault: &FaultShape) -> Value {
    let mut then =
        json!({"properties": {"with": block(&fault.with), "where": block(&fault.where_)}});
    if fault.with.iter().any(|key| key.required) {
        then["required"] = json!(["with"]);
    }
    json!({
        "if": {"properties": {"fault": {"const": fault.name}}, "required": ["fault"]},
        "then": then,
    })
}

fn block(keys: &[KeyShape]) -> Value {
    let one = |key: &KeyShape| {
        let value = match &key.pattern {
            _ if !key.words.is_empty() => json!({"enum": key.words}),
            Some(text) => pattern(text),
            None => refer("word"),
        };
        (key.name.clone(), said(&key.help, value))
    };
    let required: Vec<_> = keys.iter().filter(|k| k.required).map(|k| k.name.as_str()).collect();
    object(Value::Object(keys.iter().map(one).collect()), &required)
}

fn object(keys: Value, required: &[&str]) -> Value {
    let mut object = json!({"type": "object", "additionalProperties": false, "properties": keys});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn filled(description: &str, items: &str) -> Value {
    json!({"description": description, "type": "array", "minItems": 1, "items": refer(items)})
}

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn refer(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn said(description: &str, mut value: Value) -> Value {
    value["description"] = json!(description);
    value
}
