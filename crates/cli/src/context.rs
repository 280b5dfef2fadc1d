//! Where output goes: data on stdout, everything else on stderr, in the form that was asked for.

use crate::exit::Exit;
use std::io::{IsTerminal, Write};

/// The form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Whether to color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What every verb needs to know of its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The form of stdout.
    pub(crate) output: Output,
    /// The choice of color.
    pub(crate) color: Color,
}

impl Context {
    /// True where stdout is to be colored.
    pub(crate) fn color_stdout(&self) -> bool {
        self.colored(std::io::stdout().is_terminal())
    }

    /// True where stderr is to be colored.
    pub(crate) fn color_stderr(&self) -> bool {
        self.colored(std::io::stderr().is_terminal())
    }

    /// True where progress may be redrawn in place.
    pub(crate) fn live(&self) -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb")
    }

    fn colored(&self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }

    /// Prints data. A reader that went away has read enough: that changes no exit code, which
    /// says how the run ended and not who listened.
    pub(crate) fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Prints a JSON document as data.
    pub(crate) fn json(&self, value: &serde_json::Value) {
        self.data(&format!("{value:#}\n"));
    }

    /// Prints a note for a person; a closed stderr loses it and nothing else.
    pub(crate) fn note(&self, text: &str) {
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }

    /// Prints an error with advice, in the form `error: …` and `help: …`; in JSON it is the one
    /// document.
    pub(crate) fn error(&self, message: &str, help: Option<&str>) {
        let document = self.error_among(message, help);
        if self.output == Output::Json {
            self.json(&document);
        }
    }

    /// Prints an error and returns it, for a document that tells of several things.
    pub(crate) fn error_among(&self, message: &str, help: Option<&str>) -> serde_json::Value {
        self.note(&format!("error: {message}"));
        if let Some(help) = help {
            self.note(&format!("  = help: {help}"));
        }
        serde_json::json!({"error": {"message": message, "help": help}})
    }

    /// Prints the last line, which makes a CI log readable from its end, and passes the exit on.
    pub(crate) fn end(&self, exit: Exit) -> Exit {
        let line = format!("exit {}, {}\n", exit.code(), exit.word());
        match self.output {
            Output::Text => self.data(&line),
            Output::Json => self.note(line.trim_end()),
        }
        exit
    }

    /// The last line after a document on stdout, which must stay clean.
    pub(crate) fn end_document(&self, exit: Exit) -> Exit {
        self.note(&format!("exit {}, {}", exit.code(), exit.word()));
        exit
    }
}
