//! Owns the weighing of signs: a sum of small decision trees, fitted once on made-up systems and
//! kept as a table.
//!
//! `cargo xtask bench judge` with `JUDGE=fit` fits it again and prints the table; the seeds it is
//! fitted on are neither those it is developed on nor those it is held against. Trees and not a
//! sum of weights, since a sign means something else beside others: that latency fell when a fault
//! ended says much where the rule was met again, and nothing where the system stayed broken.

use super::signs::{COUNT, Signs};
use std::sync::LazyLock;

/// The splits of a tree: three levels, each split followed by its two halves (heap order).
pub const SPLITS: usize = 7;
/// The values that a tree can give.
pub const LEAVES: usize = 8;

/// One question: is a sign below a limit?
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The sign that is looked at.
    pub sign: usize,
    /// Below this, the first half is taken.
    pub limit: f64,
    /// Whether the first half is taken where the sign is not known.
    pub unknown_first: bool,
}

/// Three questions, one after another, and a value for each of the eight answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The questions.
    pub splits: [Split; SPLITS],
    /// The values, in logarithms of odds.
    pub leaves: [f64; LEAVES],
}

impl Tree {
    /// Returns its value for some signs.
    pub fn value(&self, signs: &Signs) -> f64 {
        let mut at = 0;
        while let Some(split) = self.splits.get(at) {
            let sign = signs[split.sign];
            let first = if sign.is_nan() { split.unknown_first } else { sign < split.limit };
            at = 2 * at + if first { 1 } else { 2 };
        }
        self.leaves[at - SPLITS]
    }

    /// Returns the line of the table.
    pub fn line(&self) -> String {
        let split = |s: &Split| {
            format!("{}{}{:e}", s.sign, if s.unknown_first { '?' } else { '<' }, s.limit)
        };
        let leaves = self.leaves.iter().map(|value| format!("{value:.4}"));
        let all: Vec<String> = self.splits.iter().map(split).chain(leaves).collect();
        all.join(" ")
    }

    fn parse(line: &str) -> Option<Tree> {
        let mut words = line.split(' ');
        let none = Split { sign: 0, limit: 0.0, unknown_first: true };
        let (mut splits, mut leaves) = ([none; SPLITS], [0.0; LEAVES]);
        for split in &mut splits {
            let word = words.next()?;
            let at = word.find(['?', '<'])?;
            let sign = word[..at].parse().ok().filter(|sign| *sign < COUNT)?;
            let limit = word[at + 1..].parse().ok()?;
            *split = Split { sign, limit, unknown_first: word[at..].starts_with('?') };
        }
        for leaf in &mut leaves {
            *leaf = words.next()?.parse().ok()?;
        }
        words.next().is_none().then_some(Tree { splits, leaves })
    }
}

/// The table.
static FITTED: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let lines = include_str!("forest.txt").lines();
    lines.map(|line| Tree::parse(line).expect("the table is what `JUDGE=fit` prints")).collect()
});

/// How likely it is that a fault with these signs is a cause, 0 to 1.
pub fn likelihood(signs: &Signs) -> f64 {
    let odds: f64 = FITTED.iter().map(|tree| tree.value(signs)).sum();
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_signs_have_a_likelihood(
            signs in proptest::array::uniform23(proptest::num::f64::ANY),
        ) {
            let chance = likelihood(&signs);
            prop_assert!((0.0..=1.0).contains(&chance), "{}", chance);
        }
    }

    #[test]
    fn every_line_of_the_table_is_read_and_printed_as_it_is() {
        let table = include_str!("forest.txt");
        assert!(table.lines().count() >= 50, "the table is there");
        for line in table.lines() {
            assert_eq!(Tree::parse(line).expect("a tree").line(), line);
        }
        for broken in ["", "0<1", "99<1e0 0<1 0<1 0<1 0<1 0<1 0<1 1 1 1 1 1 1 1 1"] {
            assert_eq!(Tree::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_tree_asks_three_questions_and_knows_what_to_do_without_an_answer() {
        let tree = Tree::parse("0<5e-1 1?2e0 2<0e0 3<1e0 3<1e0 3<1e0 3<1e0 1 2 3 4 5 6 7 8");
        let tree = tree.expect("a tree");
        let value = |signs: [f64; 4]| {
            let mut all = [f64::NAN; COUNT];
            all[..4].copy_from_slice(&signs);
            tree.value(&all)
        };
        assert_eq!(value([0.0, 0.0, 0.0, 0.0]), 1.0);
        assert_eq!(value([0.0, f64::NAN, 0.0, 1.0]), 2.0, "unknown goes with the first");
        assert_eq!(value([1.0, 0.0, f64::NAN, 0.0]), 7.0, "unknown goes with the second");
        assert_eq!(value([f64::NAN; 4]), 8.0);
    }

    #[test]
    fn a_fault_that_shows_nothing_is_unlikely_and_one_that_shows_all_is_not() {
        let mut signs = [0.0; COUNT];
        (signs[3], signs[18], signs[14]) = (-20.0, 1.0, 0.1);
        assert!(likelihood(&signs) < 0.2, "{}", likelihood(&signs));
        let mut signs = [f64::NAN; COUNT];
        (signs[0], signs[1], signs[2]) = (0.95, 0.95, 1.0);
        (signs[3], signs[4], signs[5]) = (1.0, 4.0, -1.0);
        (signs[6], signs[7], signs[8]) = (2.0, 2.0, -2.0);
        (signs[16], signs[17], signs[18], signs[19]) = (1.0, 1.0, 1.0, 2.0);
        assert!(likelihood(&signs) > 0.7, "{}", likelihood(&signs));
    }
}
