//! Writes the record of one invented run to standard output:
//! `cargo run -p squall-report --example sample -- refuted > record.jsonl`.

#[path = "../tests/it/builder.rs"]
mod builder;

use std::io::Write as _;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "refuted".into());
    let Some((_, scenario)) = builder::SCENARIOS.iter().find(|(n, _)| *n == name) else {
        let names: Vec<&str> = builder::SCENARIOS.iter().map(|(n, _)| *n).collect();
        eprintln!("no scenario {name}; there are {}", names.join(", "));
        std::process::exit(2);
    };
    if let Err(error) = std::io::stdout().write_all(&scenario().bytes()) {
        eprintln!("cannot write the record: {error}");
        std::process::exit(1);
    }
}
