//! Owns rung E: faults that were switched on and off at random, and the exact test whether the
//! rule followed the switch.
//!
//! Where the fault does nothing, its schedule could as well have been any other that might have
//! been drawn, so the share of schedules that would show as large an effect is an exact p value,
//! whatever the noise, the drift or the other faults are.

use super::case::{Episode, Toggling};
use super::tag::Effect;

/// Schedules of two faults that agree in more than this many slots beyond half cannot be told
/// apart; such a pair is drawn anew.
const AGREE_MAX: usize = 1;
/// Draws of a whole design that are tried before pairs may agree more.
const DRAWS_MAX: usize = 2_000;
/// The longest block whose orders are counted: 2,704,156 of them.
const BLOCK_MAX: usize = 24;
/// The most schedules that are counted one by one.
const SCHEDULES_MAX: usize = 200_000;

/// The schedule of all faults: each is on in half of the slots of each block of `2 * repeats`,
/// and no two go together. `chance` gives numbers of 0..1.
pub fn draw(faults: usize, repeats: usize, chance: &mut dyn FnMut() -> f64) -> Vec<Vec<bool>> {
    let slots = 2 * repeats.max(1);
    for slack in 0..slots {
        for _ in 0..DRAWS_MAX {
            let rows: Vec<Vec<bool>> = (0..faults).map(|_| half(slots, chance)).collect();
            let fits = |i: usize| (0..i).all(|j| is_apart(&rows[i], &rows[j], AGREE_MAX + slack));
            if (0..faults).all(fits) {
                return rows;
            }
        }
    }
    (0..faults).map(|_| half(slots, chance)).collect()
}

/// What the test of one fault says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The effect on the rule's excess a sample.
    pub effect: Effect,
    /// `(1 + schedules with as large an effect) / (1 + schedules)`, the drawn one left out of
    /// both counts; effects that do good count as none.
    pub p: f64,
    /// Its share of the effects of all faults and of the excess.
    pub share: f64,
}

/// Tests one fault of a schedule against a rule. `washout` is how long after a switch samples
/// still show what was before. None where the schedule or the data leaves nothing to compare.
pub fn test(
    episode: &Episode,
    toggling: &Toggling,
    fault: &str,
    washout_ms: i64,
) -> Option<Tested> {
    let means = slot_means(episode, toggling, washout_ms);
    let row = toggling.on.iter().position(|(id, _)| id == fault)?;
    let on: Vec<Vec<bool>> = toggling.on.iter().map(|(_, on)| on.clone()).collect();
    if on.iter().any(|row| row.len() != toggling.slots.len()) {
        return None;
    }
    let others: Vec<&Vec<bool>> = (0..on.len()).filter(|i| *i != row).map(|i| &on[i]).collect();
    // What the other faults explain is taken away first; they are fixed under the test.
    let y = without(&means, &others);
    let observed = difference(&y, &on[row])?;
    let (mut as_large, mut all) = (0usize, 0usize);
    let mut drawn: Vec<f64> = Vec::new();
    for schedule in schedules(toggling.slots.len(), toggling.block)? {
        let allowed = others.iter().all(|o| is_apart(&schedule, o, agreement(&on[row], o)));
        if schedule == on[row] || !allowed {
            continue;
        }
        let Some(effect) = difference(&y, &schedule) else { continue };
        all += 1;
        as_large += usize::from(effect >= observed - 1e-12);
        drawn.push(effect);
    }
    if all == 0 {
        return None;
    }
    drawn.sort_by(f64::total_cmp);
    // Under no effect the schedules' effects are its law; moved, they bound the effect.
    let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
    let effect = Effect {
        value: observed,
        low: observed - at(0.975),
        high: observed - at(0.025),
        level: 0.95,
    };
    let p = (1.0 + as_large as f64) / (1.0 + all as f64);
    Some(Tested { effect, p, share: share(&means, &on, row) })
}

/// The share of the rule's excess that a fault's main effect is, all faults fitted together.
fn share(means: &[Option<f64>], on: &[Vec<bool>], row: usize) -> f64 {
    let known: Vec<usize> = (0..means.len()).filter(|i| means[*i].is_some()).collect();
    let y: Vec<f64> = known.iter().filter_map(|i| means[*i]).collect();
    let floor = y.iter().copied().fold(f64::INFINITY, f64::min).max(0.0);
    let above: Vec<f64> = y.iter().map(|v| (v - floor).max(0.0)).collect();
    let columns: Vec<Vec<f64>> =
        (on.iter()).map(|on| known.iter().map(|i| f64::from(u8::from(on[*i]))).collect()).collect();
    let most = vec![f64::INFINITY; columns.len()];
    let beta = super::nonneg::fit(&above, &columns, &most);
    let all: f64 = y.iter().map(|v| v.max(0.0)).sum();
    let mine: f64 = columns[row].iter().sum::<f64>() * beta[row];
    if all > 0.0 { (mine / all).clamp(0.0, 1.0) } else { 0.0 }
}

/// The mean excess of each slot, without the samples after a switch.
fn slot_means(episode: &Episode, toggling: &Toggling, washout_ms: i64) -> Vec<Option<f64>> {
    let mean = |(from_ms, to_ms): &(i64, i64)| {
        let inside = |at: i64| at > from_ms + washout_ms && at <= *to_ms;
        let values: Vec<f64> = (episode.excess.iter())
            .filter(|p| inside(p.at_ms))
            .filter_map(super::case::Point::number)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    toggling.slots.iter().map(mean).collect()
}

/// What other faults do not explain, by ordinary least squares on their switches.
fn without(means: &[Option<f64>], others: &[&Vec<bool>]) -> Vec<Option<f64>> {
    let known: Vec<usize> = (0..means.len()).filter(|i| means[*i].is_some()).collect();
    let mut y: Vec<f64> = known.iter().filter_map(|i| means[*i]).collect();
    let center = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let columns: Vec<Vec<f64>> = (others.iter())
        .map(|on| {
            let x: Vec<f64> = known.iter().map(|i| f64::from(u8::from(on[*i]))).collect();
            let mean = center(&x);
            x.into_iter().map(|v| v - mean).collect()
        })
        .collect();
    let mean = center(&y);
    y.iter_mut().for_each(|v| *v -= mean);
    // Faults do harm: an effect below 0 is luck and is not taken away.
    let beta = super::nonneg::fit(&y, &columns, &vec![f64::INFINITY; columns.len()]);
    for (x, beta) in columns.iter().zip(beta) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y -= beta * x);
    }
    let mut out = vec![None; means.len()];
    known.iter().zip(y).for_each(|(i, y)| out[*i] = Some(y));
    out
}

fn difference(y: &[Option<f64>], on: &[bool]) -> Option<f64> {
    let mean = |want: bool| {
        let values: Vec<f64> =
            y.iter().zip(on).filter(|(_, on)| **on == want).filter_map(|(y, _)| *y).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    Some(mean(true)? - mean(false)?)
}

/// Slots in which two schedules are the same, beyond or below half of them.
fn agreement(a: &[bool], b: &[bool]) -> usize {
    let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
    let twice = (2 * same).abs_diff(a.len());
    (twice / 2).max(AGREE_MAX)
}

fn is_apart(a: &[bool], b: &[bool], most: usize) -> bool {
    let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
    (2 * same).abs_diff(a.len()) / 2 <= most
}

fn half(slots: usize, chance: &mut dyn FnMut() -> f64) -> Vec<bool> {
    let mut row: Vec<bool> = (0..slots).map(|i| i < slots / 2).collect();
    for i in (1..slots).rev() {
        let j = ((chance() * (i + 1) as f64) as usize).min(i);
        row.swap(i, j);
    }
    row
}

/// All schedules that could have been drawn: in each block half of the slots are on.
fn schedules(slots: usize, block: usize) -> Option<Vec<Vec<bool>>> {
    let block = block.clamp(2, slots.max(2));
    if slots == 0 || !slots.is_multiple_of(block) || !block.is_multiple_of(2) || block > BLOCK_MAX {
        return None;
    }
    let one: Vec<Vec<bool>> = (0u32..1 << block)
        .filter(|bits| bits.count_ones() as usize == block / 2)
        .map(|bits| (0..block).map(|i| bits >> i & 1 == 1).collect())
        .collect();
    let mut all: Vec<Vec<bool>> = vec![Vec::new()];
    for _ in 0..slots / block {
        if all.len().saturating_mul(one.len()) > SCHEDULES_MAX {
            return None;
        }
        let longer = |head: &Vec<bool>| {
            let head = head.clone();
            one.iter().map(move |tail| [head.as_slice(), tail].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::case::{Measure, Point};
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Ten slots of ten seconds; `effects` is the excess a second that each fault adds.
    fn run(
        rows: &[Vec<bool>],
        effects: &[f64],
        noise: &mut dyn FnMut() -> f64,
    ) -> (Episode, Toggling) {
        let slots: Vec<(i64, i64)> =
            (0..rows[0].len() as i64).map(|s| (s * 10_000, (s + 1) * 10_000)).collect();
        let value = |second: i64| {
            let slot = (second / 10) as usize;
            rows.iter().zip(effects).map(|(on, e)| if on[slot] { *e } else { 0.0 }).sum::<f64>()
        };
        let excess = (0..rows[0].len() as i64 * 10)
            .map(|s| Point::new((s + 1) * 1_000, value(s) + noise() + s as f64 * 0.01));
        let episode = Episode {
            rule: "orders".into(),
            service: "gateway".into(),
            measure: Measure::Errors,
            from_ms: 0,
            to_ms: 100_000,
            excess: excess.collect(),
        };
        let on = rows.iter().enumerate().map(|(i, on)| (i.to_string(), on.clone())).collect();
        (episode, Toggling { slots, on, block: rows[0].len() })
    }

    #[test]
    fn one_fault_of_two_is_found_and_the_other_is_not() {
        let mut rng = StdRng::seed_from_u64(5);
        let rows = draw(2, 5, &mut || rng.random());
        let (episode, toggling) = run(&rows, &[20.0, 0.0], &mut || rng.random::<f64>() * 4.0);
        let hit = test(&episode, &toggling, "0", 2_000).unwrap();
        assert!(hit.p < 0.01 && hit.share > 0.7, "{hit:?}");
        assert!(hit.effect.low > 0.0 && (17.0..23.0).contains(&hit.effect.value), "{hit:?}");
        let missed = test(&episode, &toggling, "1", 2_000).unwrap();
        assert!(missed.p > 0.05 && missed.share < 0.1, "{missed:?}");
        assert_eq!(test(&episode, &toggling, "2", 0), None);
    }

    #[test]
    fn a_fault_that_does_nothing_is_called_a_cause_in_one_run_of_twenty_at_most() {
        let mut rng = StdRng::seed_from_u64(9);
        let called = (0..400).filter(|_| {
            let rows = draw(3, 5, &mut || rng.random());
            let mut level = 0.0;
            // Drifting noise: the test's promise does not need independent samples.
            let noise = &mut || {
                level = 0.9 * level + rng.random::<f64>() - 0.5;
                level * 8.0
            };
            let (episode, toggling) = run(&rows, &[15.0, 0.0, 4.0], noise);
            test(&episode, &toggling, "1", 2_000).unwrap().p <= 0.05
        });
        let called = called.count();
        assert!(called <= 30, "{called} of 400; 20 are allowed, and their noise");
    }

    #[test]
    fn schedules_are_balanced_and_apart() {
        let mut rng = StdRng::seed_from_u64(1);
        let rows = draw(4, 5, &mut || rng.random());
        assert!(rows.iter().all(|row| row.iter().filter(|on| **on).count() == 5));
        assert!((1..4).all(|i| (0..i).all(|j| is_apart(&rows[i], &rows[j], AGREE_MAX))));
        assert_eq!(schedules(10, 10).unwrap().len(), 252);
        assert_eq!(schedules(10, 2).unwrap().len(), 32);
        assert_eq!(schedules(9, 2), None);
    }

    #[test]
    fn holes_and_nothing_compare_to_nothing() {
        let rows = vec![vec![true, false]];
        let (mut episode, toggling) = run(&rows, &[5.0], &mut || 0.0);
        episode.excess.iter_mut().for_each(|p| p.value = None);
        assert_eq!(test(&episode, &toggling, "0", 0), None);
    }
}
