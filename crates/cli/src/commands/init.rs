//! `squall init`: a first experiment and a services file, to be edited.

use super::{Verb, options};
use crate::context::Context;
use crate::exit::Exit;
use clap::ArgMatches;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) static VERB: Verb =
    Verb::new::<Options>("init", "Writes a first experiment and a services file", run);

const FILES: [(&str, &str); 2] = [
    ("experiment.yaml", include_str!("../templates/experiment.yaml")),
    ("squall.services.yaml", include_str!("../templates/services.yaml")),
];

#[derive(clap::Args)]
struct Options {
    /// The folder, made where it is missing
    #[arg(default_value = ".")]
    folder: PathBuf,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { folder } = options(matches);
    // All or nothing: a half-made folder is worse than a refusal.
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).exists()) {
        let path = folder.join(name);
        context.error(
            &format!("{} is already there", path.display()),
            Some("squall init ANOTHER-FOLDER; nothing is overwritten"),
        );
        return context.end(Exit::Bad("refused"));
    }
    if let Err(why) = write_all(&folder) {
        let message = format!("cannot write into {}: {why}", folder.display());
        context.error(&message, Some("choose a folder you may write to"));
        return context.end(Exit::Bad("bad input"));
    }
    let experiment = folder.join(FILES[0].0);
    if context.output == crate::context::Output::Json {
        let made: Vec<_> = FILES.iter().map(|(name, _)| folder.join(name)).collect();
        context.json(&serde_json::json!({"made": made}));
    } else {
        for (name, _) in FILES {
            context.data(&format!("made {}\n", folder.join(name).display()));
        }
        context.data(&format!("next: edit both, then squall check {}\n", experiment.display()));
    }
    context.end(Exit::Fine("done"))
}

fn write_all(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in FILES {
        let mut file = OpenOptions::new().write(true).create_new(true).open(folder.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}
