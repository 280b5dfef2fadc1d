//! `squall run`: from a file to a verdict, and always back.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::experiment::{PlanOptions, Planned};
use crate::shell;
use clap::ArgMatches;
use squall_agent::paths::Paths;
use squall_agent::shell::spawn;
use squall_engine::{About, AgentLink, Outcome, block_on, prepare, run as run_plan};
use squall_plan::Plan;
use squall_report::style::Style;
use squall_report::{Model, Options as Rendering, Record, format};
use squall_signals::Source;
use squall_signals::sources::prometheus::Prometheus;
use squall_signals::sources::scrape::Scrape;
use squall_signals::sources::traffic::Traffic;
use squall_spec::{Experiment, SignalSpec};
use squall_wire::record::{Line, Word};
use std::path::Path;
use std::sync::Arc;

pub(crate) static VERB: Verb =
    Verb::new::<PlanOptions>("run", "Runs an experiment, judges it, and restores always", run);

/// How long an agent that this run started waits for another client before it ends.
const IDLE_EXIT_MS: &str = "1000";

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let options: PlanOptions = options(matches);
    let Planned { loaded, experiment, seed, plan, found } = match options.plan(context) {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let text = &loaded.text;
    let Some(plan) = plan else {
        diagnostics::print(context, &text.name, &text.text, &found);
        context.note(&diagnostics::count_in(&text.name, &found));
        return context.end(Exit::Bad("refused"));
    };
    diagnostics::draw(context, &text.name, &text.text, &found);
    if !rustix::process::geteuid().is_root() {
        let why =
            "a run has to be root: its agent signals, and loads programs for, other processes";
        let help = format!("sudo squall run {}", text.name);
        context.error(why, Some(&help));
        return context.end(Exit::Bad("refused"));
    }
    let folder = options.files.records.join(&plan.run);
    match carry_out(context, &experiment, &plan, seed, &text.text, &folder) {
        Ok((outcome, lines)) => finish(context, &outcome, lines, &folder),
        Err((why, help)) => {
            context.error(&why, Some(&help));
            context.end(Exit::Bad("refused"))
        }
    }
}

type Refused = (String, String);

/// Runs a plan to its verdict; the lines are those of the record.
pub(super) fn carry_out(
    context: &Context,
    experiment: &Experiment,
    plan: &Plan,
    seed: u64,
    text: &str,
    folder: &Path,
) -> Result<(Outcome, Vec<Line>), Refused> {
    let refuse = |why: &dyn std::fmt::Display, help: &str| (why.to_string(), help.to_owned());
    std::fs::create_dir_all(folder).map_err(|why| {
        let why = format!("cannot make {}: {why}", folder.display());
        refuse(&why, "--records names another folder")
    })?;
    let sources = sources(experiment, seed)?;
    let about = About {
        file: text.to_owned(),
        squall: env!("CARGO_PKG_VERSION").into(),
        host: host_line(),
        seed,
        sources: sources.iter().map(|source| source.describe()).collect(),
    };
    let prepared =
        prepare(experiment, plan, about).map_err(|why| refuse(&why, "squall check FILE"))?;
    let style = Style { color: context.color_stderr(), ascii: !utf8() };
    let live = shell::live::Live::start(style, context.live());
    let link = agent_link(&format!("run {}", plan.run));
    let mut lines = Vec::new();
    let mut observer = |line: &Line| {
        live.line(line);
        lines.push(line.clone());
    };
    let help = "nothing was touched; free some memory or files and try again";
    let outcome = block_on(run_plan(prepared, sources, link, folder, &mut observer))
        .and_then(|result| result)
        .map_err(|why| refuse(&why, help))?;
    Ok((outcome, lines))
}

fn agent_link(by: &str) -> AgentLink {
    let paths = Paths::from_env();
    let (socket, who) = (paths.socket.clone(), by.to_owned());
    let start = move || {
        let args = ["--idle-exit", IDLE_EXIT_MS];
        let started = spawn::ensure(&paths, Path::new("/proc/self/exe"), &args, &who);
        started.map(drop).map_err(|why| why.to_string())
    };
    AgentLink { socket, by: by.to_owned(), start: Arc::new(start) }
}

fn sources(experiment: &Experiment, seed: u64) -> Result<Vec<Box<dyn Source>>, Refused> {
    let signals = experiment.spec.signals.iter();
    signals
        .map(|signal| {
            let wrong = |why: &dyn std::fmt::Display| {
                (format!("{}: {why}", signal.url().value), "squall check FILE".to_owned())
            };
            let source: Box<dyn Source> = match &signal.value {
                SignalSpec::Scrape { url } => Box::new(Scrape::new(url).map_err(|w| wrong(&w))?),
                SignalSpec::Prometheus { url } => {
                    Box::new(Prometheus::new(url).map_err(|w| wrong(&w))?)
                }
                SignalSpec::Traffic(traffic) => {
                    Box::new(Traffic::start(traffic, seed).map_err(|w| wrong(&w))?)
                }
            };
            Ok(source)
        })
        .collect()
}

/// Renders what was seen and writes the page beside the record. The lines are those of the record,
/// also where a full disk kept some of them from it.
fn finish(context: &Context, outcome: &Outcome, lines: Vec<Line>, folder: &Path) -> Exit {
    let invalid = outcome.verdict.as_ref().is_some_and(|v| v.word == Word::Invalid);
    let exit = Exit::of_run(outcome.exit, invalid);
    let Some(record) = Record::seen(lines) else {
        context.error("the run said nothing of its start; this is a bug", None);
        return context.end(exit);
    };
    let model = Model::of(&record);
    let report = write_page(context, &model, outcome, folder);
    let rendering = Rendering { color: context.color_stdout(), report, ..plain(outcome) };
    match context.output {
        Output::Text => context.data(&render("text", &model, &rendering)),
        Output::Json => context.data(&render("json", &model, &rendering)),
    }
    if exit == Exit::NotRestored {
        // A person must act: the one time that a bell is right.
        context.note("\x07");
    }
    // The text ends with this line by itself.
    if context.output == Output::Json { context.end_document(exit) } else { exit }
}

/// Writes the page beside the record, and gives its path.
pub(super) fn write_page(
    context: &Context,
    model: &Model,
    outcome: &Outcome,
    folder: &Path,
) -> Option<String> {
    let page = folder.join("report.html");
    match std::fs::write(&page, render("html", model, &plain(outcome))) {
        Ok(()) => Some(page.display().to_string()),
        Err(why) => {
            context.note(&format!("warning: no report.html: {why}"));
            None
        }
    }
}

fn plain(outcome: &Outcome) -> Rendering {
    let record = Some(outcome.record.display().to_string());
    Rendering { color: false, ascii: !utf8(), report: None, record }
}

fn render(name: &str, model: &Model, rendering: &Rendering) -> String {
    let format = format::find(name).expect("invariant: these formats are always there");
    (format.render)(model, rendering)
}

/// True where the terminal's language says UTF-8, or says nothing.
fn utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    set.is_none_or(|value| value.to_ascii_uppercase().contains("UTF"))
}

/// Host name, kernel and cores in one line.
fn host_line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, Linux {}, {cores} cores",
        read("/proc/sys/kernel/hostname"),
        read("/proc/sys/kernel/osrelease")
    )
}
