//! `squall completions`: shell completions from the same definitions as the help.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("completions", "Prints completions for a shell", run);

#[derive(clap::Args)]
struct Options {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { shell } = options(matches);
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut crate::args::command(), "squall", &mut out);
    let script = String::from_utf8_lossy(&out);
    match context.output {
        Output::Text => context.data(&script),
        Output::Json => {
            context.json(&serde_json::json!({"shell": shell.to_string(), "script": script}));
        }
    }
    Exit::Fine("fine")
}
