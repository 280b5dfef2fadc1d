//! The formats a report can be rendered in, one file each. The region below is written by
//! `cargo xtask gen` from the files beside this one.

use crate::format::Format;

// gen:begin formats
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod text;

/// Every format, sorted by name.
pub static ALL: &[&Format] =
    &[&html::FORMAT, &json::FORMAT, &junit::FORMAT, &markdown::FORMAT, &text::FORMAT];
// gen:end
