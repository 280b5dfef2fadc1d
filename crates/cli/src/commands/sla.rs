//! `squall sla`: rules in the SLA language, and the matrix of services × rules × faults.

use super::{Verb, options};
use crate::context::Context;
use crate::exit::Exit;
use crate::sla;
use clap::ArgMatches;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("sla", "Checks, formats, compiles and judges SLA rules", run);

#[derive(clap::Args)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Says everything that is wrong with rules
    Check(sla::check::Options),
    /// Writes rules the one way they are written
    Fmt(sla::fmt::Options),
    /// Turns rules into PromQL, Prometheus rules or OpenSLO
    Compile(sla::compile::Options),
    /// Turns OpenSLO v1 into rules
    Import(sla::import::Options),
    /// Judges rules against series in Markdown cases
    Test(sla::test::Options),
    /// Judges rules under faults: the SLA matrix
    Eval(sla::eval::Options),
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { what } = options(matches);
    match what {
        What::Check(options) => sla::check::run(context, &options),
        What::Fmt(options) => sla::fmt::run(context, &options),
        What::Compile(options) => sla::compile::run(context, &options),
        What::Import(options) => sla::import::run(context, &options),
        What::Test(options) => sla::test::run(context, &options),
        What::Eval(options) => sla::eval::run(context, &options),
    }
}
