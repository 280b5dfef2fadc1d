//! `squall lsp`: the language server for SLA rules, over standard input and output.

use super::Verb;
use crate::context::Context;
use crate::exit::Exit;
use crate::lsp;
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("lsp", "Serves editors: diagnostics, hover, completion, formatting", run);

#[derive(clap::Args)]
struct Options {
    /// Accepted and ignored: standard input and output are the only way
    #[arg(long, hide = true)]
    stdio: bool,
}

fn run(context: &Context, _: &ArgMatches) -> Exit {
    match lsp::serve() {
        Ok(()) => Exit::Fine("fine"),
        Err(why) => {
            // Standard output is the protocol's.
            let help = "squall lsp speaks the Language Server Protocol: let an editor start it";
            context.error(&why, Some(help));
            Exit::Bad("bad input")
        }
    }
}
