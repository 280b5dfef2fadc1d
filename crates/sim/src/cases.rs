//! The committed cases: seeds that once broke a law, each with what it found. A case is a line
//! `seed N without A,B: what it found` in `cases/seeds.txt`.

use crate::world::Options;

/// One committed case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What to simulate.
    pub options: Options,
    /// What it found.
    pub found: String,
}

/// All of them.
///
/// # Panics
/// Where a line is none.
pub fn cases() -> Vec<Case> {
    let lines = include_str!("../cases/seeds.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| case(line).unwrap_or_else(|| panic!("no case: {line}"))).collect()
}

fn case(line: &str) -> Option<Case> {
    let (what, found) = line.split_once(": ")?;
    let (seed, without) = match what.strip_prefix("seed ")?.split_once(" without ") {
        Some((seed, without)) => (seed, without.split(',').map(str::parse).collect()),
        None => (what.strip_prefix("seed ")?, Ok(Vec::new())),
    };
    let (seed, without) = (seed.parse().ok()?, without.ok()?);
    let options = Options { seed, without, ..Options::default() };
    Some(Case { options, found: found.to_owned() })
}
