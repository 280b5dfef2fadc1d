//! Reads the files people write, with a limit, and finds the ones that stand beside them.

use crate::context::Context;
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

/// Reads a file, or standard input for `-`. Says what is wrong and returns `None` otherwise.
pub(crate) fn read(context: &Context, path: &Path) -> Option<Text> {
    match try_read(path) {
        Ok(text) => Some(text),
        Err(why) => {
            let help = match &why {
                ReadError::System(_) if path.extension().is_none() => {
                    "give the path of an experiment file, or `squall init` to make one"
                }
                ReadError::System(_) => "check the path; `-` reads standard input",
                ReadError::TooLong => "an experiment has some kilobytes; is this the right file?",
                ReadError::NotText(_) => "save it as UTF-8; is this the right file?",
            };
            context.error(&format!("cannot read {}: {why}", path.display()), Some(help));
            None
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
