//! The command line: global options and one subcommand a verb.

use crate::commands::{self, Verb};
use crate::context::{Color, Context, Output};
use crate::exit::Exit;
use clap::{Args, Command, FromArgMatches};
use std::process::ExitCode;

/// Options of every verb.
#[derive(Debug, clap::Args)]
struct Global {
    /// The form of the data on stdout
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Output,
    /// Whether to color
    #[arg(long, global = true, value_enum, default_value = "auto")]
    color: Color,
}

/// The whole command line; help, completions and man pages are made from it.
pub(crate) fn command() -> Command {
    let root = Global::augment_args(Command::new("squall"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Breaks Go services on purpose, proves whether their SLA survived, restores always")
        .after_help(
            "Exit codes: 0 held or done · 1 refuted · 2 bad input or refused · \
                     3 stopped and restored · 4 inconclusive or invalid · \
                     5 not restored, a person must act · 70 a bug",
        )
        .subcommand_required(true)
        .arg_required_else_help(true);
    commands::ALL.iter().fold(root, |root, verb| root.subcommand(verb.command()))
}

/// Parses and runs.
pub(crate) fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return misused(&error),
    };
    let global = Global::from_arg_matches(&matches).expect("invariant: clap checked the options");
    let context = Context { output: global.output, color: global.color };
    let (name, sub) = matches.subcommand().expect("invariant: a subcommand is required");
    let verb: &Verb = commands::find(name).expect("invariant: clap knows only listed verbs");
    (verb.run)(&context, sub).into()
}

/// Says what is wrong with the command line. clap's own codes: help and version are fine,
/// everything else is bad input.
fn misused(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    // The options could not be read, so the wish for JSON is looked for in the words.
    let words: Vec<String> = std::env::args_os().map(|w| w.to_string_lossy().into()).collect();
    let pair = words.windows(2).any(|two| two == ["--output", "json"]);
    let wants_json = pair || words.iter().any(|word| word == "--output=json");
    let output = if wants_json { Output::Json } else { Output::Text };
    let context = Context { output, color: Color::Auto };
    if wants_json {
        let plain = error.to_string();
        let message = plain.lines().next().unwrap_or_default().trim_start_matches("error: ");
        context.json(&serde_json::json!({"error": {"message": message, "help": "squall --help"}}));
    }
    context.end_document(Exit::Bad("bad input")).into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
