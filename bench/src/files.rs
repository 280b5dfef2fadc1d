//! Reading a file, and the size of the program.

use crate::figure::Table;
use crate::rig::squall;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 30;

pub(crate) fn run(table: &mut Table) {
    let file = std::env::temp_dir().join(format!("squall-bench-{}.yaml", std::process::id()));
    let text = long_file();
    std::fs::write(&file, &text).expect("the file can be written");
    let times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let mut check = Command::new(squall());
            check.arg("check").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
            let status = check.status().expect("squall starts");
            assert_eq!(status.code(), Some(0), "the file is sound");
            start.elapsed()
        })
        .collect();
    drop(std::fs::remove_file(&file));
    let what = format!("squall check, {} lines", text.lines().count());
    table.times(&what, "Squall", "≤ 15 ms", &times);
    let size = std::fs::metadata(squall()).map_or(0, |m| m.len());
    table.numbers("release binary", "Squall", "≤ 25 MB", "MB", &[size as f64 / 1e6]);
}

fn long_file() -> String {
    let mut out = String::from(
        "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: long}\nspec:\n  \
         hypothesis: A long file is read at once.\n  signals:\n    \
         - scrape: http://127.0.0.1:8080/metrics\n  steadyState:\n",
    );
    for i in 0..36 {
        let _ = writeln!(
            out,
            "    - name: success {i}\n      query: >-\n        \
             sum(rate(requests_total{{result=\"ok\", path=\"/p{i}\"}}[30s]))\n        \
             / sum(rate(requests_total{{path=\"/p{i}\"}}[30s]))\n      expect: \">= 99.9%\""
        );
    }
    out.push_str(
        "  method:\n    - fault: process.pause\n      target: {port: 8080}\n      hold: 60s\n",
    );
    out
}
