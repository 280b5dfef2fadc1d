//! Reads the files people write, with a limit, and finds the ones that stand beside them.

use crate::context::{Context, Output};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest file read. An experiment is some kilobytes; more is a mistake or an attack.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A file as text, with the name that messages print.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The name as given.
    pub(crate) name: String,
    /// The contents.
    pub(crate) text: String,
}

/// What a verb reads, as its messages name it.
pub(crate) const EXPERIMENT: &str = "an experiment file";

/// Reads a file, or standard input for `-`. Says what is wrong, and `what` is to be given, and
/// returns `None` otherwise.
pub(crate) fn read(context: &Context, path: &Path, what: &str) -> Option<Text> {
    let said = |document| (context.output == Output::Json).then(|| context.json(&document));
    read_among(context, path, what).map_err(said).ok()
}

/// Reads one of several files. What is wrong with it is said, and returned for the one document
/// that tells of them all.
pub(crate) fn read_among(
    context: &Context,
    path: &Path,
    what: &str,
) -> Result<Text, serde_json::Value> {
    try_read(path).map_err(|why| {
        let help = help(&why, what);
        let name = path.display();
        let mut document = context.error_among(&format!("cannot read {name}: {why}"), Some(&help));
        document["file"] = name.to_string().into();
        document
    })
}

fn help(why: &ReadError, what: &str) -> String {
    use std::io::ErrorKind;
    let init = if what == EXPERIMENT { ", or `squall init` to make one" } else { "" };
    match why {
        ReadError::System(why) => match why.kind() {
            ErrorKind::NotFound => {
                format!("check the path: {what} is wanted, and `-` reads standard input{init}")
            }
            ErrorKind::IsADirectory => format!("that is a folder; give the path of {what}{init}"),
            ErrorKind::PermissionDenied => {
                "make it readable for you, or run as its owner".to_owned()
            }
            _ => format!("give {what}; `-` reads standard input"),
        },
        ReadError::TooLong => format!("{what} has some kilobytes; is this the right file?"),
        ReadError::NotText(_) => {
            format!("save it as UTF-8: {what} is text; is this the right file?")
        }
    }
}

/// Why a file is no text.
#[derive(Debug)]
enum ReadError {
    System(std::io::Error),
    TooLong,
    NotText(std::string::FromUtf8Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::System(why) => write!(f, "{why}"),
            ReadError::TooLong => write!(f, "it is longer than {} MiB", FILE_BYTES_MAX >> 20),
            ReadError::NotText(why) => write!(f, "it is not UTF-8: {why}"),
        }
    }
}

fn try_read(path: &Path) -> Result<Text, ReadError> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path).map_err(ReadError::System)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    };
    read.map_err(ReadError::System)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(ReadError::NotText)?;
    Ok(Text { name, text })
}

/// Finds a companion such as `squall.services.yaml`: the one named on the command line, else the
/// one beside the experiment, else the one in the current folder.
pub(crate) fn companion(given: Option<&Path>, experiment: &Path, name: &str) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let beside = experiment.parent().map(|folder| folder.join(name));
    beside.into_iter().chain([PathBuf::from(name)]).find(|path| path.is_file())
}
