//! Owns rung E: faults that were switched on and off at random, and the exact test whether the
//! rule followed the switch.
//!
//! Where the fault does nothing, its schedule could as well have been any other that might have
//! been drawn, so the share of schedules that would show as large an effect is an exact p value,
//! whatever the noise, the drift or the other faults are.

use super::case::{Episode, Toggling};
use super::slot::Shown;
use super::switched::{Blocks, Followed, ShownIn};
use super::tag::Effect;

/// Schedules of two faults that agree in more than this many slots beyond half cannot be told
/// apart; such a pair is drawn anew.
const AGREE_MAX: usize = 1;
/// Slots in a row in which each of several faults is first on alone: what else happens in one of
/// them rarely happens in the next as well.
pub const ALONE: usize = 2;
/// Draws of a whole design that are tried before pairs may agree more.
const DRAWS_MAX: usize = 2_000;
/// The longest block whose orders are counted: 184,756 of them.
const BLOCK_MAX: usize = 20;
/// The most schedules that are counted one by one.
const SCHEDULES_MAX: usize = 200_000;

/// The schedule of all faults. One fault alone is on in half of `2 * repeats` slots. Several are
/// first on alone, each twice in a row, in an order drawn by chance; then come `2 * repeats` slots in which
/// each is on in half and no two go together. With several every slot is followed by a rest, as
/// long and without any fault: what does not recover by itself is seen with as few faults on as
/// can be, and the run ends there. `chance` gives numbers of 0..1.
pub fn draw(faults: usize, repeats: usize, chance: &mut dyn FnMut() -> f64) -> Vec<Vec<bool>> {
    let drawn = design(faults, repeats, chance);
    if faults < 2 {
        return drawn;
    }
    let mut order: Vec<usize> = (0..faults).collect();
    shuffle(&mut order, chance);
    let row = |(fault, drawn): (usize, &Vec<bool>)| {
        let alone = order.iter().flat_map(|first| [*first == fault; ALONE]);
        alone.chain(drawn.iter().copied()).flat_map(|on| [on, false]).collect()
    };
    drawn.iter().enumerate().map(row).collect()
}

fn design(faults: usize, repeats: usize, chance: &mut dyn FnMut() -> f64) -> Vec<Vec<bool>> {
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
    /// The same, corrected for the number of faults that are asked about (Holm): at most 0.05 for
    /// any of those that do nothing in one run of twenty.
    pub adjusted: f64,
    /// Its share of the excess.
    pub share: f64,
}

/// Tests the faults of a schedule against a rule, one answer a row. Faults that are not `open` are
/// not asked about. `washout` is how long after a switch samples still show what was before, where
/// slots follow each other without a rest. None where the schedule or the data leaves nothing to
/// compare, as in a run that ended early.
pub fn test(
    episode: &Episode,
    toggling: &Toggling,
    open: &[bool],
    washout_ms: i64,
) -> Vec<Option<Tested>> {
    let nothing = || vec![None; toggling.on.len()];
    let (on, slots) = (&toggling.on, toggling.slots.len());
    if on.iter().any(|(_, row)| row.len() != slots) || open.len() != on.len() {
        return nothing();
    }
    let Some(run) = Run::of(episode, toggling, open, washout_ms) else { return nothing() };
    let mut tested: Vec<Option<Tested>> =
        (0..on.len()).map(|row| run.test(row).filter(|_| open[row])).collect();
    holm(&mut tested);
    tested
}

/// The share of a rule's excess that each fault accounts for, one a row, read off the run without
/// any test: it may have ended early. None where the schedule has no rests.
pub fn shares(episode: &Episode, toggling: &Toggling, open: &[bool]) -> Option<Vec<f64>> {
    let followed = followed(episode, toggling, open, &|_| vec![Shown::Open; open.len()])?;
    Some(followed.into_iter().map(|followed| followed.share).collect())
}

/// The same, asking what each fault's target shows in a slot in which the rule rose.
pub(super) fn followed(
    episode: &Episode,
    toggling: &Toggling,
    open: &[bool],
    shown: ShownIn<'_>,
) -> Option<Vec<Followed>> {
    Blocks::of(episode, toggling, open, shown).map(|blocks| blocks.followed())
}

/// Whether every slot of a schedule is followed by one without any fault.
pub fn has_rests(toggling: &Toggling) -> bool {
    super::switched::has_rests(&toggling.on)
}

/// Holm's correction: the smallest p counts for all, the next for all others, and so on.
fn holm(tested: &mut [Option<Tested>]) {
    let mut order: Vec<&mut Tested> = tested.iter_mut().flatten().collect();
    order.sort_by(|a, b| a.p.total_cmp(&b.p));
    let (all, mut least) = (order.len(), 0.0f64);
    for (at, tested) in order.into_iter().enumerate() {
        least = least.max((tested.p * (all - at) as f64).min(1.0));
        tested.adjusted = least;
    }
}

/// The slots whose order was drawn, with what each saw.
struct Run {
    /// One a fault.
    on: Vec<Vec<bool>>,
    block: usize,
    /// What is compared: ranks where one slot in which a system breaks down outweighs all others.
    compared: Vec<Option<f64>>,
    /// The excess a sample.
    excess: Vec<Option<f64>>,
    shares: Vec<f64>,
}

impl Run {
    fn of(episode: &Episode, toggling: &Toggling, open: &[bool], washout_ms: i64) -> Option<Run> {
        let all: Vec<Vec<bool>> = toggling.on.iter().map(|(_, row)| row.clone()).collect();
        // What the test compares is the rule's alone: signs of targets have no part in it.
        let nothing = |_| vec![Shown::Open; open.len()];
        let Some(blocks) = Blocks::of(episode, toggling, open, &nothing) else {
            let excess = slot_means(episode, toggling, washout_ms);
            let shares = (0..all.len()).map(|row| share(&excess, &all, row)).collect();
            let compared = excess.clone();
            return Some(Run { on: all, block: toggling.block, compared, excess, shares });
        };
        let lead = ALONE * all.len();
        let drawn = &blocks.blocks[lead.min(blocks.blocks.len())..];
        let rises: Vec<f64> = drawn.iter().map(|block| block.rise).collect();
        let excess = drawn.iter().map(|block| Some(block.rise / block.samples as f64)).collect();
        let row = |row: &Vec<bool>| drawn.iter().map(|block| row[block.slot]).collect();
        Some(Run {
            on: all.iter().map(row).collect(),
            block: drawn.len(),
            compared: ranks(&rises).into_iter().map(Some).collect(),
            excess,
            shares: blocks.followed().iter().map(|followed| followed.share).collect(),
        })
    }

    fn test(&self, row: usize) -> Option<Tested> {
        let on = &self.on;
        let others: Vec<&Vec<bool>> = (0..on.len()).filter(|i| *i != row).map(|i| &on[i]).collect();
        // What the other faults explain is taken away first; they are fixed under the test.
        let (compared, excess) = (without(&self.compared, &others), without(&self.excess, &others));
        let (observed, effect) = (difference(&compared, &on[row])?, difference(&excess, &on[row])?);
        let (mut as_large, mut all) = (0usize, 0usize);
        let mut drawn: Vec<f64> = Vec::new();
        for schedule in schedules(on[row].len(), self.block)? {
            let allowed = others.iter().all(|o| is_apart(&schedule, o, agreement(&on[row], o)));
            if schedule == on[row] || !allowed {
                continue;
            }
            let other = (difference(&compared, &schedule), difference(&excess, &schedule));
            let (Some(compared), Some(excess)) = other else { continue };
            all += 1;
            as_large += usize::from(compared >= observed - 1e-12);
            drawn.push(excess);
        }
        if all == 0 {
            return None;
        }
        drawn.sort_by(f64::total_cmp);
        // Under no effect the schedules' effects are its law; moved, they bound the effect.
        let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
        let (low, high) = (effect - at(0.975), effect - at(0.025));
        let p = (1.0 + as_large as f64) / (1.0 + all as f64);
        let effect = Effect { value: effect, low, high, level: 0.95 };
        Some(Tested { effect, p, adjusted: p, share: self.shares[row] })
    }
}

/// Each number's place among all, equal ones sharing theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let same = values.iter().filter(|other| *other == value).count();
        below as f64 + (same as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
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
    shuffle(&mut row, chance);
    row
}

fn shuffle<T>(row: &mut [T], chance: &mut dyn FnMut() -> f64) {
    for i in (1..row.len()).rev() {
        let j = ((chance() * (i + 1) as f64) as usize).min(i);
        row.swap(i, j);
    }
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
        (episode, Toggling { slots, on, block: rows[0].len(), persists: None })
    }

    #[test]
    fn one_fault_of_two_is_found_and_the_other_is_not() {
        let mut rng = StdRng::seed_from_u64(5);
        let rows = design(2, 5, &mut || rng.random());
        let (episode, toggling) = run(&rows, &[20.0, 0.0], &mut || rng.random::<f64>() * 4.0);
        let tested = test(&episode, &toggling, &[true, true], 2_000);
        let hit = tested[0].unwrap();
        assert!(hit.p < 0.01 && hit.share > 0.7, "{hit:?}");
        assert!(hit.effect.low > 0.0 && (17.0..23.0).contains(&hit.effect.value), "{hit:?}");
        assert_eq!(hit.adjusted, 2.0 * hit.p, "two are asked about");
        let missed = tested[1].unwrap();
        assert!(missed.p > 0.05 && missed.share < 0.1, "{missed:?}");
        let tested = test(&episode, &toggling, &[true, false], 2_000);
        assert!(tested[0].is_some_and(|t| t.adjusted == t.p) && tested[1].is_none());
    }

    #[test]
    fn a_fault_that_does_nothing_is_called_a_cause_in_one_run_of_twenty_at_most() {
        for rows in [
            |rng: &mut StdRng| design(3, 5, &mut || rng.random()),
            |rng: &mut StdRng| draw(3, 5, &mut || rng.random()),
        ] {
            let called = called(rows);
            assert!(called <= 17, "{called} of 200; 10 are allowed, and their noise");
        }
    }

    fn called(rows: fn(&mut StdRng) -> Vec<Vec<bool>>) -> usize {
        let mut rng = StdRng::seed_from_u64(9);
        let called = (0..200).filter(|_| {
            let rows = rows(&mut rng);
            let mut level = 0.0;
            // Drifting noise: the test's promise does not need independent samples.
            let noise = &mut || {
                level = 0.9 * level + rng.random::<f64>() - 0.5;
                level * 8.0
            };
            let (episode, toggling) = run(&rows, &[15.0, 0.0, 4.0], noise);
            test(&episode, &toggling, &[true; 3], 2_000)[1].unwrap().p <= 0.05
        });
        called.count()
    }

    #[test]
    fn schedules_are_balanced_and_apart() {
        let mut rng = StdRng::seed_from_u64(1);
        let rows = design(4, 5, &mut || rng.random());
        assert!(rows.iter().all(|row| row.iter().filter(|on| **on).count() == 5));
        assert!((1..4).all(|i| (0..i).all(|j| is_apart(&rows[i], &rows[j], AGREE_MAX))));
        assert_eq!(schedules(10, 10).unwrap().len(), 252);
        assert_eq!(schedules(10, 2).unwrap().len(), 32);
        // The most repeats that an experiment may ask for.
        assert_eq!(schedules(20, 20).unwrap().len(), 184_756);
        assert_eq!(schedules(22, 22), None);
        assert_eq!(schedules(9, 2), None);
    }

    #[test]
    fn several_faults_begin_alone_and_rest_after_every_slot() {
        let mut rng = StdRng::seed_from_u64(2);
        let rows = draw(3, 5, &mut || rng.random());
        assert!(rows.iter().all(|row| row.len() == 32));
        let on = |slot: usize| rows.iter().filter(|row| row[slot]).count();
        assert!((0..12).step_by(2).all(|slot| on(slot) == 1), "{rows:?}");
        assert!((1..32).step_by(2).all(|slot| on(slot) == 0), "{rows:?}");
        assert!(rows.iter().all(|row| row[12..].iter().filter(|on| **on).count() == 5));
        assert_eq!(draw(1, 5, &mut || rng.random())[0].len(), 10, "one alone has no need of it");
    }

    #[test]
    fn a_run_that_ended_early_has_shares_and_no_test() {
        let mut rng = StdRng::seed_from_u64(4);
        let rows = draw(2, 5, &mut || rng.random());
        let (episode, mut toggling) = run(&rows, &[20.0, 0.0], &mut || 0.0);
        assert!(shares(&episode, &toggling, &[true, true]).unwrap()[0] > 0.7);
        assert!(test(&episode, &toggling, &[true, true], 0)[0].unwrap().adjusted <= 0.05);
        toggling.slots.truncate(6);
        assert_eq!(test(&episode, &toggling, &[true, true], 0), [None, None]);
        assert!(shares(&episode, &toggling, &[true, true]).unwrap()[0] > 0.7);
    }

    #[test]
    fn holes_and_nothing_compare_to_nothing() {
        let rows = vec![vec![true, false]];
        let (mut episode, toggling) = run(&rows, &[5.0], &mut || 0.0);
        episode.excess.iter_mut().for_each(|p| p.value = None);
        assert_eq!(test(&episode, &toggling, &[true], 0), [None]);
    }
}
