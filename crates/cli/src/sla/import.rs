//! `squall sla import`: OpenSLO v1 documents as rules.

use super::compile;
use crate::context::Context;
use crate::diagnostics;
use crate::exit::Exit;
use crate::files;
use squall_spec::diagnostic::has_error;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of OpenSLO documents; `-` reads standard input
    file: PathBuf,
    /// Writes to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    let Some(text) = files::read(context, &options.file, "a file of OpenSLO documents") else {
        return context.end_document(Exit::Bad("bad input"));
    };
    let (rules, found) = squall_spec::openslo::import(&text.text);
    if has_error(&found) {
        diagnostics::print(context, &text.name, &text.text, &found);
        // What could be said stays on the screen; a file that lacks rules is not written.
        context
            .note(&format!("{}; nothing was written", diagnostics::count_in(&text.name, &found)));
        return context.end_document(Exit::Bad("bad input"));
    }
    diagnostics::draw(context, &text.name, &text.text, &found);
    compile::write(context, options.out.as_deref(), &rules)
}
