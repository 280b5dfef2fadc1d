//! Renders a record: `cargo run -p squall-report --example render -- record.jsonl [FORMAT]`
//! writes to standard output, HTML where no format is named.

use squall_report::{Model, Options, format, read};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        eprintln!("usage: render RECORD [FORMAT] [color] [ascii]");
        return ExitCode::from(2);
    };
    let name = args.next().unwrap_or_else(|| "html".into());
    let Some(format) = format::find(&name) else {
        eprintln!("no format {name}");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("cannot read {path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let record = match read(&bytes) {
        Ok(record) => record,
        Err(error) => {
            eprintln!("cannot read {path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let choices: Vec<String> = args.collect();
    let options = Options {
        color: choices.iter().any(|c| c == "color"),
        ascii: choices.iter().any(|c| c == "ascii"),
        report: None,
        record: Some(path),
    };
    print!("{}", (format.render)(&Model::of(&record), &options));
    ExitCode::SUCCESS
}
