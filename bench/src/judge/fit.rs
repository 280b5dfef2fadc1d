//! Owns the fit of the judge's table of trees: gradient boosting with Newton steps of the logistic
//! loss, without chance, on seeds that nothing is measured on.

use super::overlap::{Tried, tried};
use super::threads::over;
use super::world::{Family, draw};
use squall_judge::attribution::forest::{LEAVES, SPLITS, Split, Tree};
use squall_judge::attribution::signs::{COUNT, NAMES, Signs};
use squall_judge::attribution::{Settings, signs};
use std::fmt::Write as _;

/// Seeds of the families of development: neither the development seeds nor the held-out ones.
const SEEDS: std::ops::Range<u64> = 10_000..13_000;
/// Trees, and the part of each step that is taken.
const TREES: usize = 150;
const STEP: f64 = 0.1;
/// What a leaf's curvature is increased by, so that few examples move little.
const RIDGE: f64 = 3.0;
/// Curvature that each half of a split needs: about twenty undecided examples.
const HALF_MIN: f64 = 2.0;
/// Limits that are tried for a sign, at most.
const LIMITS: usize = 48;

/// Examples: one an injection and episode that is not ruled out before.
struct Examples {
    signs: Vec<Signs>,
    is_cause: Vec<bool>,
}

/// The report: the table, and how much each sign tells.
pub(crate) fn report() -> String {
    if std::env::var("JUDGE").as_deref() != Ok("fit") {
        return String::new();
    }
    let (trees, gains) = fit(&examples());
    let mut out = String::new();
    for tree in &trees {
        let _ = writeln!(out, "{}", tree.line());
    }
    let all: f64 = gains.iter().sum();
    for (name, gain) in NAMES.iter().zip(&gains) {
        let _ = writeln!(out, "# {:.1} % {name}", 100.0 * gain / all);
    }
    out
}

fn examples() -> Examples {
    let settings = Settings::default();
    let families = Family::DEVELOPMENT;
    let all = over((SEEDS.end - SEEDS.start) as usize, |i| {
        let Tried { case, labels } =
            tried(&draw(SEEDS.start + i as u64, families[i % families.len()], None));
        let mut found = Vec::new();
        for (label, row) in labels.iter().zip(signs(&case, &settings)) {
            for (injection, signs) in case.injections.iter().zip(row) {
                found.extend(signs.map(|signs| (signs, label.contains(&injection.id))));
            }
        }
        found
    });
    let (signs, is_cause) = all.into_iter().flatten().unzip();
    Examples { signs, is_cause }
}

/// Fits the trees one after the other, each to what those before it leave.
fn fit(examples: &Examples) -> (Vec<Tree>, Vec<f64>) {
    let limits: Vec<Vec<f64>> = (0..COUNT).map(|sign| limits(&examples.signs, sign)).collect();
    let mut odds = vec![0.0f64; examples.signs.len()];
    let (mut trees, mut gains) = (Vec::new(), vec![0.0; COUNT]);
    for _ in 0..TREES {
        let steps: Vec<(f64, f64)> = (odds.iter().zip(&examples.is_cause))
            .map(|(odds, is_cause)| {
                let chance = 1.0 / (1.0 + (-odds).exp());
                (f64::from(u8::from(*is_cause)) - chance, chance * (1.0 - chance))
            })
            .collect();
        let grown = grow(&examples.signs, &steps, &limits, &mut gains);
        for (odds, signs) in odds.iter_mut().zip(&examples.signs) {
            *odds += grown.value(signs);
        }
        trees.push(grown);
    }
    (trees, gains)
}

/// Limits between which about as many examples lie, with as many digits as the table has.
fn limits(signs: &[Signs], sign: usize) -> Vec<f64> {
    let mut values: Vec<f64> = signs.iter().map(|s| s[sign]).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(values.len() * i / (LIMITS + 1)).copied();
    let short = |value: f64| format!("{value:.2e}").parse().ok();
    let mut limits: Vec<f64> = (1..=LIMITS).filter_map(at).filter_map(short).collect();
    limits.dedup();
    limits
}

fn grow(signs: &[Signs], steps: &[(f64, f64)], limits: &[Vec<f64>], gains: &mut [f64]) -> Tree {
    let none = Split { sign: 0, limit: f64::MAX, unknown_first: true };
    let mut tree = Tree { splits: [none; SPLITS], leaves: [0.0; LEAVES] };
    let mut parts: Vec<Vec<usize>> = vec![(0..signs.len()).collect()];
    for at in 0..SPLITS {
        let part = std::mem::take(&mut parts[at]);
        if let Some((split, gain)) = best(signs, steps, limits, &part) {
            tree.splits[at] = split;
            gains[split.sign] += gain;
        }
        let split = tree.splits[at];
        let goes_first = |i: &usize| match signs[*i][split.sign] {
            sign if sign.is_nan() => split.unknown_first,
            sign => sign < split.limit,
        };
        let (first, second) = part.into_iter().partition(goes_first);
        parts.extend([first, second]);
    }
    for (leaf, part) in tree.leaves.iter_mut().zip(&parts[SPLITS..]) {
        let (pull, curve) = sum(steps, part);
        *leaf = ((STEP * pull / (curve + RIDGE)) * 1e4).round() / 1e4;
    }
    tree
}

fn sum(steps: &[(f64, f64)], part: &[usize]) -> (f64, f64) {
    part.iter().fold((0.0, 0.0), |sum, i| (sum.0 + steps[*i].0, sum.1 + steps[*i].1))
}

/// The split that tells most, if one tells anything.
fn best(
    signs: &[Signs],
    steps: &[(f64, f64)],
    limits: &[Vec<f64>],
    part: &[usize],
) -> Option<(Split, f64)> {
    let worth = |(pull, curve): (f64, f64)| pull * pull / (curve + RIDGE);
    let all = sum(steps, part);
    let mut best: Option<(Split, f64)> = None;
    for (sign, limits) in limits.iter().enumerate() {
        // Sums between two limits each, and of the unknown.
        let mut sums = vec![(0.0, 0.0); limits.len() + 1];
        let mut unknown = (0.0, 0.0);
        for i in part {
            let value = signs[*i][sign];
            let sum = match value.is_nan() {
                true => &mut unknown,
                false => &mut sums[limits.partition_point(|limit| *limit <= value)],
            };
            (sum.0, sum.1) = (sum.0 + steps[*i].0, sum.1 + steps[*i].1);
        }
        for unknown_first in [true, false] {
            let mut first = if unknown_first { unknown } else { (0.0, 0.0) };
            for (limit, sum) in limits.iter().zip(&sums) {
                first = (first.0 + sum.0, first.1 + sum.1);
                let second = (all.0 - first.0, all.1 - first.1);
                let gain = worth(first) + worth(second) - worth(all);
                let enough = first.1 >= HALF_MIN && second.1 >= HALF_MIN;
                if enough && gain > best.map_or(1e-3, |(_, most)| most) {
                    best = Some((Split { sign, limit: *limit, unknown_first }, gain));
                }
            }
        }
    }
    best
}
