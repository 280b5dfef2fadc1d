//! The figures: each measured side by side with a peer in one run, losses printed too (reason: it
//! runs release builds and peers that no test needs).
//!
//! The program runs itself again inside a network namespace of its own, so that no load and no
//! fault leaves it. Run it with `cargo xtask bench [NAME]`.
#![forbid(unsafe_code)]

mod arm;
mod asker;
mod delay;
mod faults;
mod figure;
mod files;
mod judge;
mod peers;
mod proxy;
mod query;
mod rest;
mod restore;
mod rig;
mod sim;
mod sla;
mod trivial;

use figure::Table;
use std::process::{Command, ExitCode};

/// The environment variable that says: this is the inner run.
const INNER: &str = "SQUALL_BENCH_INNER";

/// One group of figures.
struct Group {
    name: &'static str,
    run: fn(&mut Table),
}

static GROUPS: &[Group] = &[
    Group { name: "arm", run: arm::run },
    Group { name: "restore", run: restore::run },
    Group { name: "trivial", run: trivial::run },
    Group { name: "delay", run: delay::run },
    Group { name: "proxy", run: proxy::run },
    Group { name: "files", run: files::run },
    Group { name: "rest", run: rest::run },
    Group { name: "query", run: query::run },
    Group { name: "sla", run: sla::run },
    Group { name: "judge", run: judge::run },
    Group { name: "sim", run: sim::run },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "serve") {
        return rig::serve(&words[1..]);
    }
    if words.first().is_some_and(|word| word == "proxy-inner") {
        return proxy::proxy(&words[1..]);
    }
    if let Some(code) = faults::play(&words) {
        return code;
    }
    if words.first().is_some_and(|word| word == "ask") {
        return asker::main(&words[1..]);
    }
    if words.first().is_some_and(|word| word == "gaps") {
        return faults::gaps();
    }
    if std::env::var_os(INNER).is_none() {
        // Registries are out of reach from inside.
        peers::fetch();
        return again_in_a_namespace(&words);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["faults", rest @ ..] = words.as_slice() {
        let name = rest.iter().find(|word| !word.starts_with('-')).copied();
        return match faults::run(name, rest.contains(&"--write")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        };
    }
    let wanted: Vec<&Group> = match words.first() {
        None => GROUPS.iter().collect(),
        Some(name) => GROUPS.iter().filter(|g| g.name == *name).collect(),
    };
    if wanted.is_empty() {
        let names: Vec<_> = GROUPS.iter().map(|g| g.name).chain(["faults"]).collect();
        eprintln!("no such group; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let mut table = Table::new();
    for group in wanted {
        eprintln!("bench: {}", group.name);
        (group.run)(&mut table);
    }
    print!("{}", table.markdown());
    ExitCode::SUCCESS
}

fn again_in_a_namespace(words: &[String]) -> ExitCode {
    let own = std::env::current_exe().expect("a program knows its own path");
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    let status = Command::new("unshare")
        .args(["--net", "--", "sh", "-c", script])
        .arg(own)
        .args(words)
        .env(INNER, "1")
        .status();
    match status {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(70)).unwrap_or(70)),
        Err(why) => {
            eprintln!("cannot make a network namespace: {why}; run as root, with util-linux");
            ExitCode::from(2)
        }
    }
}
