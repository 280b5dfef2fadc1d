//! `squall sla check`: everything that is wrong with rules, at once.

use super::{RULES, plural, samples, scrape_interval};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::files;
use crate::shell;
use squall_spec::diagnostic::has_error;
use squall_spec::sla::{Facts, check};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files of rules; `-` reads standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Time between two scrapes: windows must hold two
    #[arg(long, value_name = "DURATION", value_parser = scrape_interval)]
    scrape: Option<squall_spec::Duration>,
    /// A Prometheus that knows how often is scraped and which buckets there are
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Exit {
    let facts = Facts { scrape_ms: options.scrape.map(|d| d.as_millis()), ..Facts::default() };
    let mut bad = false;
    let mut documents = Vec::new();
    for path in &options.files {
        let text = match files::read_among(context, path, RULES) {
            Ok(text) => text,
            Err(document) => {
                documents.push(document);
                bad = true;
                continue;
            }
        };
        let mut checked = check(&text.text, &facts);
        if let Some(url) = options.prometheus.as_deref().filter(|_| !checked.agreements.is_empty())
        {
            match samples::facts_now(url, &checked.agreements, shell::now_unix_ms()) {
                Ok(known) => {
                    let scrape_ms = facts.scrape_ms.or(known.scrape_ms);
                    checked = check(&text.text, &Facts { scrape_ms, ..known });
                }
                Err(why) => {
                    documents.push(context.error_among(&why.message, Some(&why.help)));
                    bad = true;
                }
            }
        }
        let found = &checked.diagnostics;
        diagnostics::draw(context, &text.name, &text.text, found);
        documents.push(diagnostics::as_json(&text.name, &text.text, found));
        if has_error(found) {
            context.note(&diagnostics::count_in(&text.name, found));
            bad = true;
        } else if context.output == Output::Text {
            let services: BTreeSet<_> =
                checked.agreements.iter().filter_map(|a| a.service.as_deref()).collect();
            let rules = plural(checked.agreements.len(), "rule");
            let of = if services.is_empty() {
                String::new()
            } else {
                format!(", {}", plural(services.len(), "service"))
            };
            let warned = match found.len() {
                0 => String::new(),
                _ => format!("   {}", diagnostics::count(found)),
            };
            context.data(&format!("✓ {}   {rules}{of}{warned}\n", text.name));
        }
    }
    if context.output == Output::Json {
        context.json(&serde_json::json!({ "files": documents }));
    }
    context.end(if bad { Exit::Bad("bad input") } else { Exit::Fine("fine") })
}
