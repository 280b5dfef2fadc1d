//! The list of verbs. `cargo xtask gen` rewrites the region below from the files here: each file
//! NAME.rs has a `pub(crate) static VERB: Verb`.

use crate::context::Context;
use crate::exit::Exit;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// One verb: its name, its options and what it does.
pub(crate) struct Verb {
    name: &'static str,
    about: &'static str,
    augment: fn(Command) -> Command,
    /// Runs it.
    pub(crate) run: fn(&Context, &ArgMatches) -> Exit,
}

impl Verb {
    /// A verb that people use.
    pub(crate) const fn new<A: Args>(
        name: &'static str,
        about: &'static str,
        run: fn(&Context, &ArgMatches) -> Exit,
    ) -> Verb {
        Verb { name, about, augment: A::augment_args, run }
    }

    /// Its part of the command line.
    pub(crate) fn command(&self) -> Command {
        (self.augment)(Command::new(self.name)).about(self.about)
    }
}

/// Reads a verb's own options.
pub(crate) fn options<A: FromArgMatches>(matches: &ArgMatches) -> A {
    A::from_arg_matches(matches).expect("invariant: clap checked the options")
}

/// Finds a verb by its name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    ALL.iter().copied().find(|verb| verb.name == name)
}

// gen:begin commands
mod agent;
mod check;
mod completions;
mod doctor;
mod faults;
mod fingerprint;
mod init;
mod lsp;
mod man;
mod plan;
mod report;
mod run;
mod schema;
mod sensitivity;
mod sla;
mod targets;
mod undo;

/// Every verb, sorted by name.
pub(crate) static ALL: &[&Verb] = &[
    &agent::VERB,
    &check::VERB,
    &completions::VERB,
    &doctor::VERB,
    &faults::VERB,
    &fingerprint::VERB,
    &init::VERB,
    &lsp::VERB,
    &man::VERB,
    &plan::VERB,
    &report::VERB,
    &run::VERB,
    &schema::VERB,
    &sensitivity::VERB,
    &sla::VERB,
    &targets::VERB,
    &undo::VERB,
];
// gen:end
