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
mod toggled;

use crate::context::{Context, Output};
use crate::diagnostics;
use crate::files::{self, Text};
use squall_spec::Duration;
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
        context.note(&diagnostics::count_in(&text.name, &checked.diagnostics));
        return None;
    }
    Some((text, checked))
}

/// The longest time between two scrapes: Prometheus itself forgets a series after five minutes.
const SCRAPE_MAX: Duration = Duration::from_secs(300);

/// Reads a time between two scrapes.
fn scrape_interval(text: &str) -> Result<Duration, String> {
    let read: Duration = text.parse().map_err(|why: squall_spec::UnitError| why.to_string())?;
    match (1..=SCRAPE_MAX.as_millis()).contains(&read.as_millis()) {
        true => Ok(read),
        false => {
            Err(format!("from 1ms to {SCRAPE_MAX} can lie between two scrapes, for example 15s"))
        }
    }
}

/// For example `3 rules`.
fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
