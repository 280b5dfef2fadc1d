//! `squall sla fmt`: the one way in which rules are written.

use super::RULES;
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::files;
use serde_json::{Value, json};
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
    let mut documents = Vec::new();
    for path in &options.files {
        match one(context, path, options.check) {
            Ok(document) => documents.push(document),
            Err((worse, document)) => {
                exit = worse;
                documents.push(document);
            }
        }
    }
    if context.output == Output::Json {
        context.json(&json!({ "files": documents }));
    }
    context.end_document(exit)
}

/// What became of a file, as data.
fn one(context: &Context, path: &Path, check: bool) -> Result<Value, (Exit, Value)> {
    const BAD: Exit = Exit::Bad("bad input");
    let text = files::read_among(context, path, RULES).map_err(|document| (BAD, document))?;
    let Some(formatted) = format(&text.text) else {
        let found = parse(&text.text).diagnostics;
        diagnostics::draw(context, &text.name, &text.text, &found);
        context
            .note(&format!("{}; nothing was changed", diagnostics::count_in(&text.name, &found)));
        return Err((BAD, diagnostics::as_json(&text.name, &text.text, &found)));
    };
    let document = json!({"file": text.name, "formatted": formatted == text.text});
    if check {
        if formatted == text.text {
            return Ok(document);
        }
        context.note(&format!("{} is not formatted: squall sla fmt {}", text.name, text.name));
        return Err((Exit::Bad("not formatted"), document));
    }
    if path == Path::new("-") {
        if context.output == Output::Json {
            return Ok(json!({"file": text.name, "text": formatted}));
        }
        context.data(&formatted);
    } else if formatted == text.text {
        context.note(&format!("✓ {} is as it should be", text.name));
    } else {
        std::fs::write(path, formatted).map_err(|why| {
            let message = format!("cannot write {}: {why}", path.display());
            (BAD, context.error_among(&message, Some("check its permissions")))
        })?;
        context.note(&format!("wrote {}", text.name));
    }
    Ok(document)
}
