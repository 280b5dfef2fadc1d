//! `squall man`: man pages from the same definitions as the help.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;
use std::path::PathBuf;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("man", "Prints the man page, or writes one a verb into a folder", run);

#[derive(clap::Args)]
struct Options {
    /// The folder; standard output gets the main page where absent
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { folder } = options(matches);
    let command = crate::args::command();
    let mut page = Vec::new();
    let result = match &folder {
        Some(folder) => clap_mangen::generate_to(command, folder),
        None => clap_mangen::Man::new(command).render(&mut page),
    };
    match result {
        Ok(()) => {
            let page = String::from_utf8_lossy(&page);
            match context.output {
                Output::Text => context.data(&page),
                Output::Json => {
                    context.json(&serde_json::json!({"folder": folder, "page": page}));
                }
            }
            Exit::Fine("fine")
        }
        Err(why) => {
            context
                .error(&format!("cannot write the pages: {why}"), Some("does the folder exist?"));
            context.end_document(Exit::Bad("bad input"))
        }
    }
}
