//! `squall sla compile`: rules for a real Prometheus and for other tools.

use super::load;
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use squall_spec::diagnostic::has_error;
use squall_spec::sla::{Facts, lost_in_promql, promql, rules};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of rules; `-` reads standard input
    file: PathBuf,
    /// What they are turned into
    #[arg(long, value_enum)]
    to: Backend,
    /// Writes to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Backend {
    /// One query a rule
    Promql,
    /// Recording rules, alerts for broken bounds, multi-window burn-rate alerts
    Rules,
    /// OpenSLO v1 documents
    Openslo,
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    let Some((text, checked)) = load(context, &options.file, &Facts::default()) else {
        return context.end_document(Exit::Bad("bad input"));
    };
    let all = &checked.agreements;
    if !matches!(options.to, Backend::Openslo) {
        diagnostics::draw(context, &text.name, &text.text, &lost_in_promql(all));
    }
    let out = match options.to {
        Backend::Promql => promql::page(all),
        Backend::Rules => rules(all),
        Backend::Openslo => {
            let (out, found) = squall_spec::openslo::export(all);
            if has_error(&found) {
                diagnostics::print(context, &text.name, &text.text, &found);
                return context.end_document(Exit::Bad("bad input"));
            }
            diagnostics::draw(context, &text.name, &text.text, &found);
            out
        }
    };
    write(context, options.out.as_deref(), &out)
}

/// Puts a document where it was asked for.
pub(super) fn write(context: &Context, to: Option<&std::path::Path>, out: &str) -> Exit {
    let Some(to) = to else {
        match context.output {
            Output::Text => context.data(out),
            Output::Json => context.json(&serde_json::json!({ "text": out })),
        }
        return context.end_document(Exit::Fine("fine"));
    };
    if let Err(why) = std::fs::write(to, out) {
        let message = format!("cannot write {}: {why}", to.display());
        context.error(&message, Some("choose another path"));
        return context.end_document(Exit::Bad("bad input"));
    }
    context.note(&format!("wrote {}", to.display()));
    if context.output == Output::Json {
        context.json(&serde_json::json!({"wrote": to.display().to_string()}));
    }
    context.end_document(Exit::Fine("fine"))
}
