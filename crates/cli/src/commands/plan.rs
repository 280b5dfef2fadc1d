//! `squall plan`: the dry run. Reads files and process tables; touches nothing.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::experiment::{PlanOptions, Planned};
use clap::ArgMatches;

pub(crate) static VERB: Verb = Verb::new::<PlanOptions>(
    "plan",
    "Shows what a run would touch, and whether it can decide",
    run,
);

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let planned = options::<PlanOptions>(matches).plan(context);
    let Planned { loaded, plan, found, .. } = match planned {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
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
    if plan.is_none() {
        context.note(&diagnostics::count_in(&text.name, &found));
    }
    context.end(if plan.is_some() { Exit::Fine("ready to run") } else { Exit::Bad("refused") })
}
