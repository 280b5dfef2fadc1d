//! `squall plan`: the dry run. Reads files and process tables; touches nothing.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::experiment::{ExperimentOptions, load_sound, make_plan};
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("plan", "Shows what a run would touch, and whether it can decide", run);

#[derive(clap::Args)]
struct Options {
    #[command(flatten)]
    files: ExperimentOptions,
    /// The seed of every random choice, to repeat a plan
    #[arg(long)]
    seed: Option<u64>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { files, seed } = options(matches);
    let (loaded, experiment) = match load_sound(context, &files) {
        Ok(sound) => sound,
        Err(exit) => return exit,
    };
    let seed = seed.unwrap_or_else(crate::shell::fresh_seed);
    let (plan, found) = make_plan(&loaded, &experiment, &files.records, seed);
    let text = &loaded.text;
    match (&plan, context.output) {
        (_, Output::Json) => context.json(&serde_json::json!({
            "plan": plan,
            "findings": diagnostics::as_json(&text.name, &text.text, &found),
        })),
        (Some(plan), Output::Text) => {
            context.data(&squall_plan::render(plan));
            context.data("\n");
        }
        (None, Output::Text) => {}
    }
    diagnostics::draw(context, &text.name, &text.text, &found);
    context.end(if plan.is_some() { Exit::Fine("ready to run") } else { Exit::Bad("refused") })
}
