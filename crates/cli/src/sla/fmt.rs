//! `squall sla fmt`: the one way in which rules are written.

use super::{RULES, summary};
use crate::context::Context;
use crate::diagnostics;
use crate::exit::Exit;
use crate::files;
use squall_spec::sla::{format, parse};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files of rules, changed in place; `-` reads standard input and prints
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Changes nothing and says which files would change
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    let mut exit = Exit::Fine("fine");
    for path in &options.files {
        if let Err(worse) = one(context, path, options.check) {
            exit = worse;
        }
    }
    context.end_document(exit)
}

fn one(context: &Context, path: &Path, check: bool) -> Result<(), Exit> {
    let text = files::read(context, path, RULES).ok_or(Exit::Bad("bad input"))?;
    let Some(formatted) = format(&text.text) else {
        let found = parse(&text.text).diagnostics;
        diagnostics::draw(context, &text.name, &text.text, &found);
        context.note(&format!("{}; nothing was changed", summary(&text.name, &found)));
        return Err(Exit::Bad("bad input"));
    };
    if check {
        if formatted == text.text {
            return Ok(());
        }
        context.note(&format!("{} is not formatted: squall sla fmt {}", text.name, text.name));
        return Err(Exit::Bad("not formatted"));
    }
    if path == Path::new("-") {
        context.data(&formatted);
    } else if formatted == text.text {
        context.note(&format!("✓ {} is as it should be", text.name));
    } else {
        std::fs::write(path, formatted).map_err(|why| {
            let message = format!("cannot write {}: {why}", path.display());
            context.error(&message, Some("check its permissions"));
            Exit::Bad("bad input")
        })?;
        context.note(&format!("wrote {}", text.name));
    }
    Ok(())
}
