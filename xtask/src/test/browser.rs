//! The browser layer: a script opens the report in a real browser. It prints the same plain line
//! as this tool does.

use super::failures::{Failure, Outcome};
use super::tally::Tally;
use crate::{command, tree};
use std::process::Command;

/// Installs the driver from its lock file and runs the script.
pub(crate) fn run() -> Result<Outcome, String> {
    let folder = tree::root().join("crates/report/browser");
    if !folder.join("package.json").is_file() {
        println!("SKIP browser: no script in crates/report/browser");
        return Ok(Tally::SKIPPED.into());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    command::run(&mut npm)?;
    let mut script = Command::new("npm");
    script.args(["test", "--silent"]).current_dir(&folder);
    // It calls cargo for its samples.
    command::as_by_hand(&mut script);
    let output = script.output().map_err(|e| format!("npm did not start: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    print!("{said}");
    let mut tally = last_line(&text);
    if !output.status.success() && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    let mut outcome = Outcome::from(tally);
    if tally.failed > 0 {
        outcome.failures.push(Failure { name: "browser".to_owned(), said });
    }
    Ok(outcome)
}

/// Reads the last `N passed, N failed, N skipped`.
fn last_line(text: &str) -> Tally {
    let numbers = |line: &str| {
        let mut parts = line.split(", ");
        let mut next = |word| parts.next()?.strip_suffix(word)?.trim().parse().ok();
        Some(Tally { passed: next("passed")?, failed: next("failed")?, skipped: next("skipped")? })
    };
    text.lines().rev().find_map(numbers).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let text = "1 passed, 0 failed, 0 skipped\nnote\n7 passed, 1 failed, 2 skipped\nbye\n";
        assert_eq!(last_line(text).to_string(), "7 passed, 1 failed, 2 skipped");
        assert_eq!(last_line("nothing"), Tally::default());
    }
}
