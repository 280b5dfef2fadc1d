//! Rules in the SLA language: how long a check of a thousand takes, the whole process.

use crate::figure::Table;
use crate::rig::squall;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 30;
const RULES: usize = 1_000;

pub(crate) fn run(table: &mut Table) {
    let folder = std::env::temp_dir();
    let own = std::process::id();
    let rules = folder.join(format!("squall-bench-{own}.sla"));
    let many = folder.join(format!("squall-bench-{own}-many.sla"));
    std::fs::write(&rules, file(RULES)).expect("the file can be written");
    let long = file(15_000);
    std::fs::write(&many, &long).expect("the file can be written");
    let time = |verb: &[&str], file: &std::path::Path| {
        let start = Instant::now();
        let mut squall = Command::new(squall());
        squall.arg("sla").args(verb).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let status = squall.status().expect("squall starts");
        assert_eq!(status.code(), Some(0), "the rules are sound");
        start.elapsed()
    };
    let times: Vec<_> = (0..ROUNDS).map(|_| time(&["check"], &rules)).collect();
    table.times("sla check, 1,000 rules", "Squall", "≤ 50 ms", &times);
    // What is formatted already is what an editor and a pipeline usually ask about.
    time(&["fmt"], &rules);
    let times: Vec<_> = (0..ROUNDS).map(|_| time(&["fmt", "--check"], &rules)).collect();
    table.times("sla fmt --check, 1,000 rules", "Squall", "–", &times);
    let times: Vec<_> = (0..ROUNDS).map(|_| time(&["compile", "--to", "rules"], &rules)).collect();
    table.times("sla compile --to rules, 1,000 rules", "Squall", "–", &times);
    let times: Vec<_> = (0..3).map(|_| time(&["check"], &many)).collect();
    let what = format!("sla check, {} lines", long.lines().count());
    table.times(&what, "Squall", "–", &times);
    drop((std::fs::remove_file(&rules), std::fs::remove_file(&many)));
}

/// Rules that have no text in common but the keywords, so that nothing is read once for all.
fn file(rules: usize) -> String {
    let mut out = String::new();
    for n in 0..rules {
        let _ = writeln!(
            out,
            "SLA(\"API availability {n}\")\nWHEN metric=\"http_requests_{n}_total\"\n\
             WHERE label=\"{{job='api-{n}', status!~'5..|4{n}'}}\"\nAGGREGATE rate(5m)\n\
             THRESHOLD >= 0.995\nOBJECTIVE 99.95% OVER 30d\n\
             IMPACTED_BY chaos(\"cpu-load\", namespace=\"prod\", pod=\"auth-{n}-*\");\n"
        );
    }
    out
}
