//! `squall report`: a record in any of the formats.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;
use squall_report::{Model, Options as Rendering, format, formats, read};
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) static VERB: Verb =
    Verb::new::<Options>("report", "Renders a record as text, JSON, JUnit, Markdown or HTML", run);

/// The longest record read: an hour of samples is some megabytes.
const RECORD_BYTES_MAX: u64 = 512 << 20;

#[derive(clap::Args)]
struct Options {
    /// A record, or the folder of a run
    record: PathBuf,
    /// The format; text unless --output json asks for JSON
    #[arg(long, value_parser = format_names())]
    format: Option<String>,
    /// Writes to a file instead of standard output
    #[arg(long)]
    to: Option<PathBuf>,
}

fn format_names() -> clap::builder::PossibleValuesParser {
    formats::ALL.iter().map(|f| f.name).collect::<Vec<_>>().into()
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { record, format, to } = options(matches);
    let name = format.unwrap_or_else(|| match context.output {
        Output::Json => "json".into(),
        Output::Text => "text".into(),
    });
    let path = if record.is_dir() { record.join("record.jsonl") } else { record };
    let text = match render(context, &path, &name, to.is_none()) {
        Ok(text) => text,
        Err((why, help)) => {
            context.error(&why, Some(help));
            return context.end_document(Exit::Bad("bad input"));
        }
    };
    let Some(to) = to else {
        context.data(&text);
        return context.end_document(Exit::Fine("fine"));
    };
    if let Err(why) = std::fs::write(&to, text) {
        context
            .error(&format!("cannot write {}: {why}", to.display()), Some("choose another path"));
        return context.end_document(Exit::Bad("bad input"));
    }
    context.note(&format!("wrote {}", to.display()));
    context.end_document(Exit::Fine("fine"))
}

fn render(
    context: &Context,
    path: &Path,
    name: &str,
    terminal: bool,
) -> Result<String, (String, &'static str)> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(RECORD_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|why| {
            let help = "give a record.jsonl, or the folder of a run below .squall/";
            (format!("cannot read {}: {why}", path.display()), help)
        })?;
    let record = read(&bytes).map_err(|why| {
        (format!("{}: {why}", path.display()), "records are written by squall run")
    })?;
    let format = format::find(name).expect("invariant: clap knows only listed formats");
    let html = path.with_file_name("report.html");
    let rendering = Rendering {
        color: terminal && context.color_stdout(),
        ascii: false,
        report: html.exists().then(|| html.display().to_string()),
        record: Some(path.display().to_string()),
    };
    Ok((format.render)(&Model::of(&record), &rendering))
}
