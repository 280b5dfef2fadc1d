//! `squall schema`: the JSON Schema of the experiment file, for editors.

use super::{Verb, options};
use crate::context::Context;
use crate::exit::Exit;
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("schema", "Prints the JSON Schema of the experiment file", run);

#[derive(clap::Args)]
struct Options {}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options {} = options(matches);
    context.json(&squall_plan::schema());
    Exit::Fine("fine")
}
