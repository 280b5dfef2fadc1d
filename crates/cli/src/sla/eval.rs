//! `squall sla eval`: rules × faults × samples to the SLA matrix.

use super::document::{Around, document};
use super::faults::Faults;
use super::samples::{self, Samples};
use super::{load, scrape_interval};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::shell;
use squall_judge::attribution::ServiceMap;
use squall_judge::matrix::{GROUPS_MAX, Input, Matrix as Judged, matrix};
use squall_report::matrix as formats;
use squall_spec::diagnostic::has_error;
use squall_spec::sla::{Agreement, Facts, check};
use squall_wire::matrix::{Matrix, Word};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of rules
    rules: PathBuf,
    /// ChaosBlade reports: what `blade status --type create` prints
    #[arg(long, value_name = "FILE")]
    chaos: Vec<PathBuf>,
    /// Squall's own records, or folders of runs
    #[arg(long, value_name = "FILE")]
    record: Vec<PathBuf>,
    /// The Prometheus that scraped the services meanwhile
    #[arg(long, value_name = "URL")]
    prometheus: String,
    /// Time between two scrapes; found in the samples where it is not given
    #[arg(long, value_name = "DURATION", value_parser = scrape_interval)]
    every: Option<squall_spec::Duration>,
    /// Seconds to add to the faults' times, where their clock is behind Prometheus' one
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value_t = 0.0)]
    clock_offset: f64,
    /// Who calls whom, for attribution: gateway:order,order:payment
    #[arg(long, value_name = "CALLER:CALLEE", value_delimiter = ',')]
    calls: Vec<String>,
    /// The format; text unless --output json asks for JSON
    #[arg(long, value_parser = format_names())]
    format: Option<String>,
    /// Writes to a file too, in the format of its ending: .html .json .md .xml .txt; may repeat
    #[arg(long, value_name = "FILE")]
    write: Vec<PathBuf>,
}

fn format_names() -> clap::builder::PossibleValuesParser {
    formats::ALL.iter().map(|format| format.name).collect::<Vec<_>>().into()
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    match evaluate(context, options) {
        Ok((matrix, incomplete)) => show(context, options, &matrix, incomplete),
        Err(exit) => context.end_document(exit),
    }
}

fn evaluate(context: &Context, options: &Options) -> Result<(Matrix, bool), Exit> {
    const BAD: Exit = Exit::Bad("bad input");
    let (text, checked) = load(context, &options.rules, &Facts::default()).ok_or(BAD)?;
    if options.chaos.is_empty() && options.record.is_empty() {
        let help = "--chaos report.json for ChaosBlade, --record .squall/RUN for Squall";
        context.error("there are no faults to judge the rules under", Some(help));
        return Err(BAD);
    }
    let map = calls(context, &options.calls)?;
    let writes = formats_of(context, &options.write)?;
    drop(writes);
    let offset_ms = offset(context, options.clock_offset)?;
    let faults = Faults::read(context, &options.chaos, &options.record, offset_ms).ok_or(BAD)?;
    if faults.injections.is_empty() {
        let help = "give reports of faults that ran: blade status --type create, or a record of \
                    squall run";
        context.error("no fault was on, so there is nothing to judge", Some(help));
        return Err(Exit::Unknown("inconclusive"));
    }
    let now_ms = shell::now_unix_ms();
    let every_ms = options.every.and_then(|d| i64::try_from(d.as_millis()).ok());
    let read = samples::read(
        &options.prometheus,
        &checked.agreements,
        (&faults.injections, &faults.schedules),
        every_ms,
        now_ms,
    );
    let samples = read.map_err(|why| {
        context.error(&why.message, Some(&why.help));
        if why.bad_input { BAD } else { Exit::Unknown("inconclusive") }
    })?;
    // Only now is known how often is scraped and which buckets there are.
    let again = check(&text.text, &samples.facts);
    let new: Vec<_> =
        again.diagnostics.into_iter().filter(|d| !checked.diagnostics.contains(d)).collect();
    diagnostics::draw(context, &text.name, &text.text, &new);
    if has_error(&new) {
        context.note(&diagnostics::count_in(&text.name, &new));
        return Err(BAD);
    }
    let Samples { store, every_ms, notes, .. } = samples;
    let input = Input {
        agreements: &checked.agreements,
        injections: &faults.injections,
        schedules: &faults.schedules,
        storage: &store,
        every_ms,
        now_ms,
        map,
    };
    let judged = matrix(&input);
    let crowded = crowded(&judged, &checked.agreements);
    let incomplete = faults.incomplete || !crowded.is_empty();
    let mut sources = faults.sources;
    sources.push(format!("prometheus {}", options.prometheus));
    let around = Around {
        rules: text.name,
        sources,
        notes: faults.notes.into_iter().chain(notes).chain(crowded).collect(),
        every_ms,
        made_unix_ms: now_ms,
    };
    Ok((document(&judged, &faults.injections, around), incomplete))
}

/// Says which rules have more groups than are judged.
fn crowded(judged: &Judged, agreements: &[Agreement]) -> Vec<String> {
    let crowded = judged.crowded.iter().map(|crowded| {
        let (name, groups) = (&agreements[crowded.agreement].name, crowded.groups);
        format!(
            "{name}: GROUP BY makes {groups} groups, the first {GROUPS_MAX} are judged and nothing \
             is said of the others; narrow WHERE, or drop a label that has a value for each request"
        )
    });
    crowded.collect()
}

fn offset(context: &Context, seconds: f64) -> Result<i64, Exit> {
    // A day apart is a time zone, not a clock.
    if seconds.is_finite() && seconds.abs() <= 86_400.0 {
        return Ok((seconds * 1e3).round() as i64);
    }
    context.error(&format!("{seconds} is no offset of a clock"), Some("-86400 to 86400 seconds"));
    Err(Exit::Bad("bad input"))
}

fn calls(context: &Context, all: &[String]) -> Result<Option<ServiceMap>, Exit> {
    let mut map = ServiceMap::default();
    for call in all {
        match call.split_once(':') {
            Some((caller, callee)) if !caller.is_empty() && !callee.is_empty() => {
                map.add(caller.trim().to_owned(), callee.trim().to_owned());
            }
            _ => {
                let message = format!("{call:?} is no call");
                context.error(&message, Some("write CALLER:CALLEE, for example gateway:order"));
                return Err(Exit::Bad("bad input"));
            }
        }
    }
    Ok((!all.is_empty()).then_some(map))
}

/// The format of each file, by its ending.
fn formats_of<'p>(
    context: &Context,
    paths: &'p [PathBuf],
) -> Result<Vec<(&'p Path, &'static formats::MatrixFormat)>, Exit> {
    let mut all = Vec::new();
    for path in paths {
        let name = match path.extension().and_then(|e| e.to_str()) {
            Some("html" | "htm") => "html",
            Some("json") => "json",
            Some("md") => "markdown",
            Some("xml") => "junit",
            Some("txt") => "text",
            _ => {
                let message = format!("the format of {} is not known", path.display());
                context.error(&message, Some("its ending is .html, .json, .md, .xml or .txt"));
                return Err(Exit::Bad("bad input"));
            }
        };
        all.push((path.as_path(), formats::find(name).expect("invariant: these formats exist")));
    }
    Ok(all)
}

fn show(context: &Context, options: &Options, matrix: &Matrix, incomplete: bool) -> Exit {
    let writes = match formats_of(context, &options.write) {
        Ok(writes) => writes,
        Err(exit) => return context.end_document(exit),
    };
    for (path, format) in writes {
        if let Err(why) = std::fs::write(path, (format.render)(matrix, false)) {
            let message = format!("cannot write {}: {why}", path.display());
            context.error(&message, Some("choose another path"));
            return context.end_document(Exit::Bad("bad input"));
        }
        context.note(&format!("wrote {}", path.display()));
    }
    let name = options.format.as_deref().unwrap_or(match context.output {
        Output::Json => "json",
        Output::Text => "text",
    });
    let format = formats::find(name).expect("invariant: clap knows only listed formats");
    let color = name == "text" && context.color_stdout();
    context.data(&(format.render)(matrix, color));
    let exit = exit(matrix, incomplete);
    if name == "text" { context.end(exit) } else { context.end_document(exit) }
}

/// One ❌ refutes; one ❔, nothing at all or a fault that was left out decides nothing.
fn exit(matrix: &Matrix, incomplete: bool) -> Exit {
    let all = matrix.cells().count();
    if matrix.count(Word::Refuted) > 0 {
        Exit::Refuted
    } else if all == 0 || incomplete || matrix.count(Word::Held) < all {
        Exit::Unknown("inconclusive")
    } else {
        Exit::Fine("held")
    }
}
