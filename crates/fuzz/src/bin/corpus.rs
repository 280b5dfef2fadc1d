//! Carries inputs between the corpus and the folders that libFuzzer works in.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use squall_fuzz::{corpus, find, targets};

const USAGE: &str = "\
usage: corpus list                    the targets, with what they read
       corpus unpack TARGET FOLDER    writes each input as a file, and the words as FOLDER.dict
       corpus pack TARGET FOLDER MOST takes the files in the place of the corpus' inputs that have
                                      no comment, at most so many, the shortest first
       corpus add TARGET FILE WHY     appends one input with a comment";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["list"] => {
            targets::ALL.iter().for_each(|target| println!("{}\t{}", target.name, target.about));
            Ok(())
        }
        ["unpack", target, folder] => unpack(target, Path::new(folder)),
        ["pack", target, folder, most] => match most.parse() {
            Ok(most) => pack(target, Path::new(folder), most),
            Err(_) => Err(io::Error::other(format!("{most:?} is no number"))),
        },
        ["add", target, file, why] => add(target, Path::new(file), why),
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn unpack(target: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, input) in corpus::read(target)?.iter().enumerate() {
        fs::write(folder.join(format!("{number:04}")), input)?;
    }
    let words = find(target).map_or(&[][..], |target| target.words);
    let mut dictionary = String::new();
    for word in words {
        let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        let _never_fails = writeln!(dictionary, "\"{bytes}\"");
    }
    fs::write(folder.with_extension("dict"), dictionary)
}

fn pack(target: &str, folder: &Path, most: usize) -> io::Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(fs::read(entry?.path())?);
    }
    found.sort_by_key(|input| (input.len(), input.clone()));
    found.dedup();
    let path = corpus::path(target);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut text = String::new();
    // Inputs with a comment are cases: they stay.
    let mut lines = before.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            let _never_fails = writeln!(text, "{line}\n{}", lines.next().unwrap_or_default());
        }
    }
    for input in found.iter().take(most) {
        let _never_fails = writeln!(text, "{}", corpus::escape(input));
    }
    fs::write(path, text)
}

fn add(target: &str, file: &Path, why: &str) -> io::Result<()> {
    let path = corpus::path(target);
    let mut text = fs::read_to_string(&path)?;
    let _never_fails = writeln!(text, "# {why}\n{}", corpus::escape(&fs::read(file)?));
    fs::write(path, text)
}
