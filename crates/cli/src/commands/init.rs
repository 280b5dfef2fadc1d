//! `squall init`: a first experiment and a services file, or a Go workspace, to be edited.

use super::{Verb, options};
use crate::context::{Context, Output};
use crate::exit::Exit;
use clap::ArgMatches;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) static VERB: Verb =
    Verb::new::<Options>("init", "Writes a first experiment, or a Go workspace for chaos", run);

/// A file's path below the folder, and its text.
type Template = (&'static str, &'static str);

const FILES: &[Template] = &[
    ("experiment.yaml", include_str!("../templates/experiment.yaml")),
    ("squall.services.yaml", include_str!("../templates/services.yaml")),
];

/// What asks for the workspace, and where it is made unless told otherwise.
const GO: &str = "go";
const GO_FOLDER: &str = "chaos-work";

/// The manifests end in .txt here, since a folder with a go.mod is no part of this repository's
/// own modules.
const GO_FILES: &[Template] = &[
    ("go.work", include_str!("../templates/go/go.work.txt")),
    ("README.md", include_str!("../templates/go/README.md")),
    ("controller/go.mod", include_str!("../templates/go/controller/go.mod.txt")),
    ("controller/doc.go", include_str!("../templates/go/controller/doc.go")),
    (
        "controller/controller_test.go",
        include_str!("../templates/go/controller/controller_test.go"),
    ),
    ("controller/chaos_test.go", include_str!("../templates/go/controller/chaos_test.go")),
    ("controller/chaos/late.yaml", include_str!("../templates/go/controller/chaos/late.yaml")),
    ("target-service/go.mod", include_str!("../templates/go/target-service/go.mod.txt")),
    ("target-service/main.go", include_str!("../templates/go/target-service/main.go")),
];

/// The SDK's modules that each manifest requires, below the SDK's folder.
const SDK: &[(&str, &[&str])] =
    &[("controller/go.mod", &["chaostest"]), ("target-service/go.mod", &["", "http"])];
const SDK_MODULE: &str = "github.com/squall-dev/squall/sdk/go";

#[derive(clap::Args)]
struct Options {
    /// The folder, made where it is missing; the word `go` makes a Go workspace instead
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// With `go`: the workspace's folder [default: chaos-work]
    workspace: Option<PathBuf>,
    /// With `go`: a checkout of the SDK (its folder sdk/go) to build against, not its release
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { folder, workspace, sdk } = options(matches);
    if folder.as_os_str() != GO {
        if workspace.is_some() || sdk.is_some() {
            let help = Some("squall init go chaos-work --sdk DIR");
            context.error("a second folder and --sdk are for `squall init go`", help);
            return context.end(Exit::Bad("bad input"));
        }
        let files = FILES.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let next = format!("edit both, then squall check {}", folder.join(FILES[0].0).display());
        return make(context, &folder, &files.collect::<Vec<_>>(), &next);
    }
    let folder = workspace.unwrap_or_else(|| GO_FOLDER.into());
    let sdk = match sdk.map(std::fs::canonicalize).transpose() {
        Ok(sdk) => sdk,
        Err(why) => {
            context.error(&format!("the SDK's folder: {why}"), Some("--sdk CHECKOUT/sdk/go"));
            return context.end(Exit::Bad("bad input"));
        }
    };
    let files = GO_FILES.iter().map(|(name, text)| {
        let replaced = sdk.as_deref().map_or_else(String::new, |sdk| replaces(name, sdk));
        (*name, format!("{text}{replaced}"))
    });
    let next = format!("read {}", folder.join("README.md").display());
    make(context, &folder, &files.collect::<Vec<_>>(), &next)
}

/// The lines that build a manifest's module against a checkout.
fn replaces(name: &str, sdk: &Path) -> String {
    let modules = SDK.iter().find(|(manifest, _)| *manifest == name).map_or(&[][..], |(_, m)| *m);
    let line = |module: &&str| {
        let (path, folder) = match *module {
            "" => (SDK_MODULE.to_owned(), sdk.to_owned()),
            module => (format!("{SDK_MODULE}/{module}"), sdk.join(module)),
        };
        format!("\nreplace {path} => {}\n", folder.display())
    };
    modules.iter().map(line).collect()
}

fn make(context: &Context, folder: &Path, files: &[(&str, String)], next: &str) -> Exit {
    // All or nothing: a half-made folder is worse than a refusal.
    if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        let path = folder.join(name);
        context.error(
            &format!("{} is already there", path.display()),
            Some("squall init ANOTHER-FOLDER; nothing is overwritten"),
        );
        return context.end(Exit::Bad("refused"));
    }
    if let Err(why) = write_all(folder, files) {
        let message = format!("cannot write into {}: {why}", folder.display());
        context.error(&message, Some("choose a folder you may write to"));
        return context.end(Exit::Bad("bad input"));
    }
    if context.output == Output::Json {
        let made: Vec<_> = files.iter().map(|(name, _)| folder.join(name)).collect();
        context.json(&serde_json::json!({"made": made}));
    } else {
        for (name, _) in files {
            context.data(&format!("made {}\n", folder.join(name).display()));
        }
        context.data(&format!("next: {next}\n"));
    }
    context.end(Exit::Fine("done"))
}

fn write_all(folder: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}
