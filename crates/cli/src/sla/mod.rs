//! What the sub-verbs of `squall sla` do, one file each.

pub(crate) mod check;
pub(crate) mod compile;
mod document;
mod dose;
pub(crate) mod eval;
mod faults;
pub(crate) mod fmt;
pub(crate) mod import;
mod samples;
pub(crate) mod test;

use crate::context::{Context, Output};
use crate::diagnostics;
use crate::files::{self, Text};
use squall_spec::Diagnostic;
use squall_spec::sla::{Checked, Facts, check as check_rules};
use std::path::Path;

/// What these verbs read.
const RULES: &str = "a file of SLA rules";

/// Reads and checks a file of rules and draws what is wrong; none where it has an error.
fn load(context: &Context, path: &Path, facts: &Facts) -> Option<(Text, Checked)> {
    let text = files::read(context, path, RULES)?;
    let checked = check_rules(&text.text, facts);
    if context.output == Output::Json && squall_spec::diagnostic::has_error(&checked.diagnostics) {
        diagnostics::print(context, &text.name, &text.text, &checked.diagnostics);
    } else {
        diagnostics::draw(context, &text.name, &text.text, &checked.diagnostics);
    }
    if squall_spec::diagnostic::has_error(&checked.diagnostics) {
        context.note(&summary(&text.name, &checked.diagnostics));
        return None;
    }
    Some((text, checked))
}

/// For example `4 errors, 1 warning in rules.sla`.
fn summary(name: &str, all: &[Diagnostic]) -> String {
    format!("{} in {name}", diagnostics::count(all))
}

/// For example `3 rules`.
fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
