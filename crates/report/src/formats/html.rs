//! The report as one HTML page.

use crate::format::{Format, Options};
use crate::model::Model;

/// This format.
pub const FORMAT: Format =
    Format { name: "html", extension: "html", media_type: "text/html; charset=utf-8", render };

fn render(model: &Model, options: &Options) -> String {
    let text = (super::text::FORMAT.render)(model, options);
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<!doctype html><meta charset=utf-8><title>Squall</title><pre>{text}</pre>")
}
