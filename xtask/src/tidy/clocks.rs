//! Time is an argument: only shells read a clock, so that everything else can be tested without
//! waiting and replayed from a seed.

use super::Finding;
use super::source::rust;
use crate::tree::File;

/// What reads a clock or waits for one.
const CLOCKS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "thread::sleep",
    "time::sleep",
    "time::interval",
    "time::timeout",
    "clock_gettime",
    ".elapsed()",
];

/// Places that may read one although they are no shell, each with its reason.
const PLACES: &[(&str, &str)] = &[
    ("crates/faults/src/sys/", "the kernel counts leases in its own clock"),
    ("crates/faults/src/catalog/", "effects poll the kernel with a deadline; see may_read"),
    ("crates/proxy/src/", "delaying bytes is its work"),
    ("xtask/", "a tool, not the product"),
    ("tests/", "tests of the real thing"),
    ("bench/", "measures time"),
];

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, lines) in rust(files).filter(|(file, _)| !may_read(&file.path)) {
        for line in lines.iter().filter(|l| !l.test) {
            if let Some(clock) = CLOCKS.iter().find(|c| line.code.contains(**c)) {
                let message = format!("{clock} outside a shell: take `now` as an argument");
                findings.push(Finding::new(&file.path, line.number, message));
            }
        }
    }
    findings
}

fn may_read(path: &str) -> bool {
    let shell =
        path.ends_with("/shell.rs") || path.ends_with("/main.rs") || path.contains("/shell/");
    // A fault's description is pure; only its effect may.
    let description = path.starts_with("crates/faults/src/catalog/") && path.ends_with("/mod.rs");
    shell || (!description && PLACES.iter().any(|(place, _)| path.starts_with(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&[File::new(path, text)]).len()
    }

    #[test]
    fn a_clock_is_found_outside_shells_only() {
        let bad = "//! x\nfn f() { let t = Instant::now(); }\n";
        assert_eq!(found("crates/engine/src/core.rs", bad), 1);
        assert_eq!(found("crates/engine/src/shell.rs", bad), 0);
        assert_eq!(found("crates/engine/src/shell/clock.rs", bad), 0);
        assert_eq!(found("crates/cli/src/main.rs", bad), 0);
        assert_eq!(found("crates/faults/src/catalog/cpu_load/effect.rs", bad), 0);
        assert_eq!(found("crates/faults/src/catalog/cpu_load/mod.rs", bad), 1);
    }

    #[test]
    fn a_comment_a_string_and_a_test_may_name_one() {
        let fine = "//! never Instant::now\nconst A: &str = \"thread::sleep\";\n\
                    #[cfg(test)]\nmod tests { fn f() { std::thread::sleep(d); } }\n";
        assert_eq!(found("crates/engine/src/core.rs", fine), 0);
    }
}
