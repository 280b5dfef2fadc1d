//! What a format is, and what a caller may choose.

use crate::formats::ALL;
use crate::model::Model;

/// One way to show a report.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// The extension of a file in it, without the dot.
    pub extension: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Renders a model.
    pub render: fn(&Model, &Options) -> String,
}

/// What a caller chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// True on a terminal that takes colors. Plain by default.
    pub color: bool,
    /// True where only ASCII can be printed.
    pub ascii: bool,
    /// Path of the HTML report, where one was written.
    pub report: Option<String>,
    /// Path of the record.
    pub record: Option<String>,
}

/// Finds a format by its name.
pub fn find(name: &str) -> Option<&'static Format> {
    ALL.iter().copied().find(|format| format.name == name)
}
