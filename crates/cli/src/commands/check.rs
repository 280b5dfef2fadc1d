//! `squall check`: everything that is wrong with a file, at once.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::experiment::{ExperimentOptions, Loaded, load};
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("check", "Says everything that is wrong with an experiment file", run);

#[derive(clap::Args)]
struct Options {
    #[command(flatten)]
    files: ExperimentOptions,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { files } = options(matches);
    let Some(loaded) = load(context, &files) else {
        return context.end(Exit::Bad("bad input"));
    };
    loaded.print(context);
    let (text, found) = &loaded.findings[0];
    if loaded.has_error() {
        return context.end(Exit::Bad("bad input"));
    }
    if context.output == Output::Text {
        let warned = if found.is_empty() {
            String::new()
        } else {
            format!("   {}", diagnostics::count(found))
        };
        context.data(&format!("✓ {}   {}{warned}\n", text.name, summary(&loaded)));
    }
    context.end(Exit::Fine("fine"))
}

/// For example `1 fault, 2 indicators, 1 source`.
fn summary(loaded: &Loaded) -> String {
    let Some(experiment) = &loaded.experiment else { return String::new() };
    let spec = &experiment.spec;
    let counts = [
        (spec.method.len(), "fault"),
        (spec.steady_state.len(), "indicator"),
        (spec.signals.len(), "source"),
    ];
    let words = counts.map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }));
    words.join(", ")
}
