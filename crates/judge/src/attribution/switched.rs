//! Owns what followed the switch of toggled faults, where every slot is followed by a rest: how far
//! the rule rose after each switch-on, and the share of the excess that each fault accounts for.
//!
//! The share is the definition of a cause, read off the run itself: what the rule would have lost
//! less of without the fault, taken from the slots in which the same others were on without it.

use super::case::{Episode, Toggling};
use super::slot::{Risen, Shown};
use super::toggle::ALONE;

/// Samples before a switch whose worst is what was there already.
const BEFORE: usize = 3;
/// What begins in the last samples of a slot may be of the next one: clocks differ.
const LAST: usize = 2;
/// A rise begins where this part of it is reached, for two samples.
const BEGINS: f64 = 0.25;
/// A rise of less than this share of the whole excess is none. Small ones that come with every slot
/// of a fault are its doing, and where its faults go together more may come of them.
const RISE_MIN: f64 = 0.005;
/// And one that is smaller than this part of what was there before it.
const ABOVE_MIN: f64 = 0.5;

/// Tells what each fault's target shows of what rose in a slot.
pub(super) type ShownIn<'s> = &'s dyn Fn(Risen) -> Vec<Shown>;

/// What followed a fault's switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Followed {
    /// Its share of the excess.
    pub(super) share: f64,
    /// Slots that count by what its target shows in them alone: the rule did not rise in enough
    /// others.
    pub(super) by_target: usize,
}

/// A slot with its rest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// The slot.
    pub(super) slot: usize,
    /// Which faults were on; those that are ruled out count as off.
    pub(super) on: Vec<bool>,
    /// The excess that rose after the switch, summed over the slot and its rest. 0 where nothing
    /// rose, or not from the switch on.
    pub(super) rise: f64,
    /// The same where it may as well have begun in the rest: a queue that fills slowly, or chance.
    late: f64,
    /// The same whatever was there without any fault afterwards.
    whole: f64,
    /// One a fault: what its target shows of it.
    shown: Vec<Shown>,
    /// Samples in the slot itself.
    pub(super) samples: usize,
}

/// What a run with rests saw.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
    faults: usize,
    /// The whole excess.
    total: f64,
}

impl Blocks {
    /// Reads the slots that took place: in a run that ended early these are fewer than the
    /// schedule has. None where the schedule has no rests.
    pub(super) fn of(
        episode: &Episode,
        toggling: &Toggling,
        open: &[bool],
        shown: ShownIn<'_>,
    ) -> Option<Blocks> {
        if !has_rests(&toggling.on) {
            return None;
        }
        let samples = samples(episode);
        let inside = |(from, to): (i64, i64)| {
            let first = samples.partition_point(|s| s.0 <= from);
            first..samples.partition_point(|s| s.0 <= to).max(first)
        };
        let seen = |slot: &(i64, i64)| samples[inside(*slot)].iter().map(|s| s.1).sum::<f64>();
        let total: f64 = toggling.slots.iter().map(seen).sum();
        let mean = |at: std::ops::Range<usize>| {
            samples[at.clone()].iter().map(|s| s.1).sum::<f64>() / at.len().max(1) as f64
        };
        let block = |pair: usize| {
            let (slot, rest) = (toggling.slots[pair], toggling.slots.get(pair + 1));
            let block = inside((slot.0, rest.map_or(slot.1, |rest| rest.1)));
            let before = samples[block.start.saturating_sub(BEFORE)..block.start].iter();
            let before = before.map(|s| s.1).fold(0.0, f64::max);
            // What was there without any fault afterwards is not of this slot's faults either.
            let is_last = pair + 2 >= toggling.slots.len();
            let after = toggling.persists.filter(|_| is_last).map_or(0.0, |t| mean(inside(t)));
            let rise = |before: f64| {
                let above = samples[block.clone()].iter().map(|s| (s.1 - before).max(0.0));
                let above: Vec<f64> = above.collect();
                let from = begins(&above, before, RISE_MIN * total);
                (from, from.map_or(0.0, |_| above.iter().sum()))
            };
            let within = inside(slot).len();
            let (from, sum) = rise(f64::max(before, after));
            let (whole_from, whole) = rise(before);
            let risen =
                whole_from.map(|at| Risen { slot: pair, began_ms: samples[block.start + at].0 });
            let shown = risen.map_or_else(|| vec![Shown::Open; open.len()], shown);
            let on = toggling.on.iter().zip(open).map(|((_, on), open)| on[pair] && *open);
            Block {
                slot: pair,
                on: on.collect(),
                rise: from.filter(|at| *at + LAST <= within).map_or(0.0, |_| sum),
                late: sum,
                whole,
                shown,
                samples: within.max(1),
            }
        };
        let mut blocks: Vec<Block> = (0..toggling.slots.len()).step_by(2).map(block).collect();
        // Something else broke it in there: whether a fault did so, too, cannot be seen.
        let hides = |block: &mut Block| {
            let persists = toggling.persists.is_some() && block.rise == 0.0;
            persists && !block.shown.contains(&Shown::Likely)
        };
        blocks.pop_if(hides);
        Some(Blocks { blocks, faults: toggling.on.len(), total })
    }

    /// What followed each fault's switch.
    pub(super) fn followed(&self) -> Vec<Followed> {
        (0..self.faults).map(|fault| self.followed_by(fault)).collect()
    }

    /// What rose because a fault was on: the rise of its slots above what the same others showed
    /// without it. Where the rule stayed where it was in half of its slots or more, and in one of
    /// those in which it was first on alone, something else may have moved it in the others: of
    /// those only slots count in which its target shows that it did. Where it rose in more of
    /// them, but not in both alone, slots do not count in which its target shows that it did not.
    fn followed_by(&self, fault: usize) -> Followed {
        let on: Vec<&Block> = self.blocks.iter().filter(|block| block.on[fault]).collect();
        let moved = on.iter().filter(|block| block.rise > 0.0).count();
        let alone: Vec<&Block> =
            on.iter().copied().filter(|b| is_alone(&b.on)).take(ALONE).collect();
        let twice = alone.len() == ALONE && alone.iter().all(|block| block.late > 0.0);
        let recurs = 2 * moved > on.len();
        let extra = |block: &&Block| {
            let mut others = block.on.clone();
            others[fault] = false;
            let rise = match block.shown[fault] {
                Shown::Likely => block.whole,
                _ if twice => block.late,
                Shown::Open if recurs => block.rise,
                _ => return 0.0,
            };
            (rise - self.expected(&others)).max(0.0)
        };
        // Of the first slots alone the quieter one tells what is due to the fault: in the other
        // something else may have begun.
        let least = alone.iter().map(extra).fold(f64::INFINITY, f64::min);
        let is_likely = |block: &&&Block| block.shown[fault] == Shown::Likely;
        let unsure = alone.iter().filter(|block| alone.len() == ALONE && !is_likely(block));
        let over: f64 = unsure.map(|block| extra(block) - least).sum();
        let sum: f64 = on.iter().map(extra).sum();
        let share = if self.total > 0.0 { (sum - over) / self.total } else { 0.0 };
        let by_target = on.iter().filter(is_likely).filter(|block| extra(block) > 0.0).count();
        let by_target = if twice || recurs { 0 } else { by_target };
        Followed { share: share.clamp(0.0, 1.0), by_target }
    }

    /// How far the rule rises with just these faults on.
    fn expected(&self, on: &[bool]) -> f64 {
        let known = |on: &[bool]| -> Vec<f64> {
            self.blocks.iter().filter(|block| block.on == on).map(|block| block.rise).collect()
        };
        let most = |rises: Vec<f64>| rises.into_iter().fold(0.0, f64::max);
        if !on.contains(&true) {
            // Without any fault nothing of ours rises: of several such slots the quietest says so.
            return known(on).into_iter().reduce(f64::min).unwrap_or(0.0);
        }
        let same = known(on);
        if !same.is_empty() {
            return most(same);
        }
        // Never seen together: at least what any part of them showed, and what each showed alone.
        let parts = self.blocks.iter().filter(|block| is_within(&block.on, on));
        let parts = most(parts.map(|block| block.rise).collect());
        let alone = (0..on.len()).filter(|fault| on[*fault]).map(|fault| {
            let alone: Vec<bool> = (0..on.len()).map(|other| other == fault).collect();
            most(known(&alone))
        });
        parts.max(alone.sum())
    }
}

/// Whether one fault is on and no other.
fn is_alone(on: &[bool]) -> bool {
    on.iter().filter(|on| **on).count() == 1
}

/// Whether every other slot of a schedule of several faults is free of all of them.
pub(super) fn has_rests(on: &[(String, Vec<bool>)]) -> bool {
    let slots = on.first().map_or(0, |(_, row)| row.len());
    let lead = 2 * ALONE * on.len();
    let column = |slot: usize| on.iter().filter(|(_, row)| row.get(slot) == Some(&true)).count();
    on.len() > 1
        && slots > lead
        && slots.is_multiple_of(2)
        && (1..slots).step_by(2).all(|slot| column(slot) == 0)
        && (0..lead).step_by(2).all(|slot| column(slot) == 1)
}

/// When the rule rose, counted from the switch on, if far enough.
fn begins(above: &[f64], before: f64, least: f64) -> Option<usize> {
    let mut sorted = above.to_vec();
    sorted.sort_by(f64::total_cmp);
    let most = sorted.last()?;
    let level = sorted[sorted.len() * 3 / 4].max(0.3 * most);
    if above.iter().sum::<f64>() <= least || level <= ABOVE_MIN * before {
        return None;
    }
    above.windows(2).position(|two| two.iter().all(|v| *v > BEGINS * level))
}

/// The samples of a rule in time order, what is allowed counting as 0; holes keep what was before.
fn samples(episode: &Episode) -> Vec<(i64, f64)> {
    let mut last = 0.0;
    let keep = |point: &super::case::Point| {
        last = point.number().map_or(last, |value| value.max(0.0));
        (point.at_ms, last)
    };
    let mut samples: Vec<(i64, f64)> = episode.excess.iter().map(keep).collect();
    samples.sort_by_key(|s| s.0);
    samples
}

/// Whether all faults of the first are among those of the second.
fn is_within(part: &[bool], whole: &[bool]) -> bool {
    part.iter().zip(whole).all(|(part, whole)| !part || *whole)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::case::{Measure, Point};
    use super::*;

    /// Slots of ten seconds; `excess` tells each second's from the slot and the second in it.
    fn run(rows: &[&str], taken: usize, excess: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        shares(rows, taken, false, excess)
    }

    /// With `persists` the slot after the last one is a time without faults after a drain.
    fn shares(
        rows: &[&str],
        taken: usize,
        persists: bool,
        excess: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let open = |_| vec![Shown::Open; rows.len()];
        let followed = followed(rows, taken, persists, &open, excess);
        followed.into_iter().map(|followed| followed.share).collect()
    }

    /// The same, with what the targets show.
    fn followed(
        rows: &[&str],
        taken: usize,
        persists: bool,
        shown: ShownIn<'_>,
        excess: impl Fn(usize, usize) -> f64,
    ) -> Vec<Followed> {
        let on: Vec<(String, Vec<bool>)> = (rows.iter().enumerate())
            .map(|(i, row)| (i.to_string(), row.chars().map(|c| c == '#').collect()))
            .collect();
        let slot = |s: usize| (s as i64 * 10_000, (s as i64 + 1) * 10_000);
        let point = |s: usize| Point::new((s as i64 + 1) * 1_000, excess(s / 10, s % 10));
        let episode = Episode {
            rule: "orders".into(),
            service: "gateway".into(),
            measure: Measure::Errors,
            from_ms: 0,
            to_ms: slot(taken).0,
            excess: (0..(taken + 1) * 10).map(point).collect(),
        };
        let (slots, block) = ((0..taken).map(slot).collect(), rows[0].len());
        let toggling = Toggling { slots, on, block, persists: persists.then(|| slot(taken)) };
        let open = vec![true; rows.len()];
        Blocks::of(&episode, &toggling, &open, shown).unwrap().followed()
    }

    /// Each is alone twice, then both go together twice.
    const TWO: [&str; 2] = ["#.#.....#.#.", "....#.#.#.#."];

    #[test]
    fn what_rises_with_a_fault_alone_and_never_comes_back_is_that_fault_s() {
        // The second is on alone in slot 4, and the rule stays broken: the run ends after its rest.
        let shares = run(&TWO, 6, |slot, second| match slot {
            4 if second > 3 => 50.0,
            5 => 50.0,
            _ => -2.0,
        });
        assert_eq!(shares[0], 0.0);
        assert!(shares[1] > 0.99, "{shares:?}");
    }

    #[test]
    fn what_happens_once_and_not_with_the_same_faults_again_is_nobody_s() {
        let at = |slot, _| if slot == 8 || slot == 9 { 40.0 } else { 0.0 };
        assert_eq!(run(&TWO, 12, at), [0.0, 0.0], "slot 10 had both on and nothing rose");
        let alone = |slot, _| if slot < 2 { 40.0 } else { 0.0 };
        assert_eq!(run(&TWO, 12, alone), [0.0, 0.0], "slot 2 had the same one on");
        let before = |slot, second| if slot == 3 && second == 9 || slot > 3 { 40.0 } else { 0.0 };
        assert_eq!(run(&TWO, 6, before), [0.0, 0.0], "it began before");
    }

    #[test]
    fn what_happens_in_both_first_slots_alone_is_the_fault_s_by_the_smaller_of_the_two() {
        // Slow enough to begin in the rest, and not any more once there is less to do.
        let slow = |slot: usize, second: usize| match slot {
            1 | 3 if (2..7).contains(&second) => 40.0,
            _ => 0.0,
        };
        assert_eq!(run(&TWO, 12, slow), [1.0, 0.0]);
        let once_more = |slot: usize, _| match slot {
            0 => 40.0,
            2 => 10.0,
            _ => 0.0,
        };
        assert_eq!(run(&TWO, 12, once_more), [0.4, 0.0]);
    }

    #[test]
    fn what_persists_without_any_fault_is_taken_off_the_last_slot() {
        let with = |after: f64| {
            move |slot: usize, _: usize| match slot {
                0 | 1 => 50.0,
                _ => after,
            }
        };
        assert_eq!(shares(&TWO, 2, true, with(50.0)), [0.0, 0.0]);
        assert_eq!(shares(&TWO, 2, true, with(20.0)), [0.6, 0.0]);
    }

    #[test]
    fn a_slot_counts_alone_where_the_fault_s_target_shows_it() {
        let once = |slot: usize, _: usize| if slot < 2 { 40.0 } else { -1.0 };
        let first = |risen: Risen| {
            assert_eq!((risen.slot, risen.began_ms), (0, 1_000), "it is asked where the rule rose");
            vec![Shown::Likely, Shown::Open]
        };
        let of = |share, by_target| Followed { share, by_target };
        assert_eq!(followed(&TWO, 12, false, &first, once), [of(1.0, 1), of(0.0, 0)]);
        // What else persists is not taken off a slot that the target speaks for.
        let persists = |slot: usize, _: usize| if slot < 3 { 40.0 } else { -1.0 };
        assert_eq!(followed(&TWO, 2, true, &first, persists), [of(1.0, 1), of(0.0, 0)]);
        // Of what both did in a slot, the one whose target speaks has what the other does not do.
        let both = |slot: usize, _: usize| match slot {
            4 | 6 => 10.0,
            8 => 50.0,
            _ => -1.0,
        };
        let eighth = |risen: Risen| match risen.slot {
            8 => vec![Shown::Likely, Shown::Open],
            _ => vec![Shown::Open; 2],
        };
        let said = followed(&TWO, 12, false, &eighth, both);
        assert!((said[0].share - 4.0 / 7.0).abs() < 1e-9 && said[0].by_target == 1, "{said:?}");
    }

    #[test]
    fn a_slot_does_not_count_where_the_fault_s_target_shows_nothing_of_it() {
        let not = |_| vec![Shown::Unlikely; 2];
        let of = |share| Followed { share, by_target: 0 };
        // The run ended with it: nothing but the target can tell it from an incident.
        let ended = |slot: usize, _: usize| if slot < 2 { 40.0 } else { -1.0 };
        assert_eq!(followed(&TWO, 2, false, &not, ended), [of(0.0), of(0.0)]);
        assert_eq!(run(&TWO, 2, ended), [1.0, 0.0]);
        let both_alone = |slot: usize, _: usize| if [0, 2].contains(&slot) { 40.0 } else { -1.0 };
        let twice = followed(&TWO, 12, false, &not, both_alone);
        assert_eq!(twice[0].by_target, 0);
        assert!(twice[0].share > 0.99, "incidents rarely begin in both: {twice:?}");
    }

    #[test]
    fn two_that_add_up_share() {
        let excess = |slot: usize, _| match slot {
            0 | 2 => 30.0,
            4 | 6 => 20.0,
            8 | 10 => 50.0,
            _ => 0.0,
        };
        let shares = run(&TWO, 12, excess);
        assert!((shares[0] - 0.6).abs() < 1e-9 && (shares[1] - 0.4).abs() < 1e-9, "{shares:?}");
    }
}
