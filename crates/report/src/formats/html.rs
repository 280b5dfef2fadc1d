//! The report as one HTML page: no script, nothing from outside, light and dark, narrow and print.
//! The first screen holds the verdict; whoever stops reading after any part has the truth so far.

mod chart;
pub(crate) mod escape;
mod evidence;
mod lanes;
mod page;
mod proof;
mod run;
mod scale;
mod verdict;
mod why;

use crate::format::{Format, Options};
use crate::model::Model;

/// This format.
pub const FORMAT: Format =
    Format { name: "html", extension: "html", media_type: "text/html; charset=utf-8", render };

fn render(model: &Model, options: &Options) -> String {
    page::page(model, options)
}
