//! The summary for programs: one stable document. Fields are only added; a change of meaning
//! raises the version.

use crate::format::{Format, Options};
use crate::model::{Model, Rung};
use crate::number;
use serde::Serialize;

/// This format.
pub const FORMAT: Format =
    Format { name: "json", extension: "json", media_type: "application/json", render };

/// The version of the summary this build writes.
pub const SUMMARY_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    version: u32,
    kind: &'static str,
    run: &'a str,
    experiment: &'a str,
    labels: std::collections::BTreeMap<&'a str, &'a str>,
    hypothesis: &'a str,
    started_at: String,
    took_seconds: f64,
    standing: &'static str,
    verdict: Option<&'static str>,
    exit: Option<u8>,
    sentence: &'a str,
    indicators: Vec<Indicator<'a>>,
    aborted: Option<End<'a>>,
    restored: Option<End<'a>>,
    recovered: Option<End<'a>>,
    do_now: Vec<Note<'a>>,
    causes: Vec<Cause<'a>>,
    toggled: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    time_outs: &'a [String],
    control: &'a [String],
    excess_bad_events: Option<u64>,
    burnt: Option<&'a str>,
    advice: &'a [String],
    warnings: &'a [String],
    fingerprint: Option<Fingerprint<'a>>,
    files: Files<'a>,
    squall: &'a str,
    host: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Indicator<'a> {
    name: &'a str,
    outcome: &'static str,
    query: &'a str,
    bound: &'a str,
    baseline: &'a str,
    worst: &'a str,
    share: Option<f64>,
    interval: Option<(f64, f64)>,
    limit: Option<f64>,
    during: String,
    n: Option<u64>,
    bad: Option<u64>,
    e: Option<f64>,
    strikes: u32,
    gaps: u32,
    samples: u32,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct End<'a> {
    ok: bool,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Note<'a> {
    label: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cause<'a> {
    fault: &'a str,
    target: &'a str,
    rung: Option<&'static str>,
    effect: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprint<'a> {
    equal: usize,
    of: usize,
    differences: Vec<Difference<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference<'a> {
    category: &'a str,
    gone: &'a [String],
    new: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Files<'a> {
    report: Option<&'a str>,
    record: Option<&'a str>,
}

fn render(model: &Model, options: &Options) -> String {
    let summary = summary(model, options);
    let mut text = serde_json::to_string_pretty(&summary)
        .expect("invariant: the summary has only string keys and plain values");
    text.push('\n');
    text
}

fn summary<'a>(model: &'a Model, options: &'a Options) -> Summary<'a> {
    let end = |label| {
        let end = model.ends.iter().find(|end| end.label == label)?;
        Some(End { ok: end.tone == crate::model::Tone::Held, text: &end.text })
    };
    Summary {
        version: SUMMARY_VERSION,
        kind: "RunSummary",
        run: &model.run,
        experiment: &model.experiment,
        labels: model.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        hypothesis: &model.hypothesis,
        started_at: number::iso(model.started_unix_ms),
        took_seconds: model.took_s,
        standing: model.standing.word(),
        verdict: model.word.map(crate::model::word_text),
        exit: model.exit,
        sentence: &model.sentence,
        indicators: model.rows.iter().map(indicator).collect(),
        aborted: end("aborted"),
        restored: end("restored").or_else(|| end("untouched")),
        recovered: end("recovered"),
        do_now: model.actions.iter().map(|a| Note { label: a.label, text: &a.text }).collect(),
        causes: model.causes.iter().map(cause).collect(),
        toggled: &model.effects,
        time_outs: &model.time_outs,
        control: &model.controls,
        excess_bad_events: model.excess_bad,
        burnt: model.burnt.as_deref(),
        advice: &model.advice,
        warnings: &model.warnings,
        fingerprint: model.fingerprints.as_ref().map(fingerprint),
        files: Files { report: options.report.as_deref(), record: options.record.as_deref() },
        squall: &model.squall,
        host: &model.host,
    }
}

fn indicator(row: &crate::model::Row) -> Indicator<'_> {
    let bar = row.during.bar;
    Indicator {
        name: &row.name,
        outcome: row.word(),
        query: &row.query,
        bound: &row.bound,
        baseline: &row.baseline,
        worst: &row.worst,
        share: bar.map(|b| b.share),
        interval: bar.map(|b| (b.low, b.high)),
        limit: bar.map(|b| b.limit),
        during: row.during.text(),
        n: row.n,
        bad: row.bad,
        e: row.e,
        strikes: row.strikes,
        gaps: row.gaps,
        samples: row.samples,
        text: &row.text,
    }
}

fn cause(cause: &crate::model::Cause) -> Cause<'_> {
    let rung = cause.rung.map(|rung| match rung {
        Rung::A => "A",
        Rung::C => "C",
        Rung::D => "D",
        Rung::E => "E",
    });
    Cause { fault: &cause.fault, target: &cause.target, rung, effect: &cause.effect }
}

fn fingerprint(prints: &crate::model::Fingerprints) -> Fingerprint<'_> {
    let differs = prints.categories.iter().filter(|c| !c.gone.is_empty() || !c.new.is_empty());
    let differences =
        differs.map(|c| Difference { category: &c.name, gone: &c.gone, new: &c.new }).collect();
    Fingerprint { equal: prints.equal, of: prints.of, differences }
}
