//! What is wrong with a file, where, and what to do next; drawing it is the command line's work.

use serde::Serialize;

/// A range of bytes in the file a person wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span of a value that the file does not write, such as a default.
    pub const NONE: Self = Self { start: 0, end: 0 };

    /// Returns the range from `start` to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Returns whether the file writes something here.
    pub const fn is_written(self) -> bool {
        self.end > self.start
    }
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The file cannot be run.
    Error,
    /// The file can be run, but a person should look.
    Warning,
}

impl Level {
    /// Returns the word printed before the code.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The stable name of one kind of diagnostic; a constant beside the check that raises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// A letter for the crate and three digits.
    pub id: &'static str,
    /// Its level.
    pub level: Level,
}

impl Code {
    /// Declares an error.
    pub const fn error(id: &'static str) -> Self {
        Self { id, level: Level::Error }
    }

    /// Declares a warning.
    pub const fn warning(id: &'static str) -> Self {
        Self { id, level: Level::Warning }
    }
}

/// One thing to tell the person who wrote the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code, for example `S104`.
    pub code: &'static str,
    /// Error or warning.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The text under the marked range; may be empty.
    pub label: String,
    /// Further places that explain it.
    pub others: Vec<(Span, String)>,
    /// What to write instead.
    pub help: Option<String>,
    /// A fact worth knowing.
    pub note: Option<String>,
}

impl Diagnostic {
    /// Returns a diagnostic with nothing but its message.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code: code.id,
            level: code.level,
            message: message.into(),
            span,
            label: String::new(),
            others: Vec::new(),
            help: None,
            note: None,
        }
    }

    /// Sets the text under the marked range.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place too.
    #[must_use]
    pub fn other(mut self, span: Span, label: impl Into<String>) -> Self {
        self.others.push((span, label.into()));
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Returns whether the file cannot be run.
    pub const fn is_error(&self) -> bool {
        matches!(self.level, Level::Error)
    }

    /// Returns `line:column: level[code]: message`, the part that editors and CI parse.
    pub fn first_line(&self, lines: &LineIndex<'_>) -> String {
        let at = lines.position(self.span.start);
        format!("{}:{}: {}[{}]: {}", at.line, at.column, self.level.word(), self.code, self.message)
    }
}

/// Returns whether any of them is an error.
pub fn has_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Sorts into file order; those of one place keep the order they were raised in.
pub fn in_file_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|d| d.span.start);
    diagnostics
}

/// A place a person can find in an editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Turns byte offsets into lines and columns.
#[derive(Debug)]
pub struct LineIndex<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    /// Indexes a text.
    pub fn new(text: &'t str) -> Self {
        let starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Returns the line and column of a byte offset; past the end means the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        Position { line, column: self.text[start..offset].chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_the_end_is_a_place() {
        let lines = LineIndex::new("a\né: x\n");
        let check = |offset, line, column| {
            assert_eq!(lines.position(offset), Position { line, column });
        };
        check(0, 1, 1);
        check(1, 1, 2);
        check(2, 2, 1);
        check(3, 2, 1); // inside é
        check(4, 2, 2);
        check(9_999, 3, 1);
    }

    #[test]
    fn first_line_is_what_editors_parse() {
        let text = "spec:\n  x: 1\n";
        let d = Diagnostic::new(Code::error("S104"), Span::new(8, 9), "unknown key \"x\"");
        assert_eq!(d.first_line(&LineIndex::new(text)), "2:3: error[S104]: unknown key \"x\"");
    }
}
