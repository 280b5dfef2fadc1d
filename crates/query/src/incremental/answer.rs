//! Owns what the tails answer in place of the storage during one evaluation.

use std::cell::RefCell;

use crate::ast::{AggregateOp, Grouping, Shift, VectorSelector};
use crate::eval::reduce;
use crate::extrapolation::{Ends, stretched};
use crate::function::Window;
use crate::incremental::leaf::{Behind, Leaf, Member};
use crate::incremental::rules::Rules;
use crate::incremental::tail::{Part, Tail};
use crate::labels::{Labels, METRIC_NAME};
use crate::series::{LOOKBACK_MS, Sample};
use crate::value::{Datum, Element};

/// The tails during one evaluation. Every question may be left unanswered: the storage knows too.
#[derive(Debug)]
pub(crate) struct Live {
    rules: RefCell<Rules>,
}

/// What a function does to one series' samples.
pub(crate) type OfSeries<'f> = dyn Fn(&Window<'_>) -> Option<Datum> + 'f;

/// A function that is applied to each series of a range.
pub(crate) struct Over<'f> {
    pub(crate) name: &'static str,
    pub(crate) keep_name: bool,
    pub(crate) f: Box<OfSeries<'f>>,
}

/// How a function's value follows from a window's ends alone.
#[derive(Clone, Copy)]
enum Quick {
    Rate,
    Increase,
    Delta,
    Count,
    First,
    Last,
    Present,
}

impl Quick {
    fn of(name: &str) -> Option<Quick> {
        Some(match name {
            "rate" => Quick::Rate,
            "increase" => Quick::Increase,
            "delta" => Quick::Delta,
            "count_over_time" => Quick::Count,
            "first_over_time" => Quick::First,
            "last_over_time" => Quick::Last,
            "present_over_time" => Quick::Present,
            _ => return None,
        })
    }

    fn value(self, tail: &Tail, part: Part, window: (i64, i64)) -> Option<f64> {
        let Ends { first, last, count } = part.ends;
        let change = |counter: bool| stretched(part.ends, tail.resets(part), counter, window);
        match self {
            Quick::Rate => Some(change(true)? / ((window.1 - window.0) as f64 / 1000.0)),
            Quick::Increase => change(true),
            Quick::Delta => change(false),
            Quick::Count => Some(count as f64),
            Quick::First => Some(first.v),
            Quick::Last => Some(last.v),
            Quick::Present => Some(1.0),
        }
    }
}

impl Live {
    pub(crate) fn new(rules: Rules) -> Live {
        Live { rules: RefCell::new(rules) }
    }

    pub(crate) fn into_rules(self) -> Rules {
        self.rules.into_inner()
    }

    /// Returns the newest sample of each series that a selector matches.
    pub(crate) fn newest(&self, vector: &VectorSelector, at_ms: i64) -> Option<Vec<Element>> {
        let mut rules = self.rules.borrow_mut();
        let (leaf, tails) = read(&mut rules, vector, LOOKBACK_MS)?;
        let from_ms = at_ms.saturating_sub(LOOKBACK_MS).saturating_add(1);
        let mut out = Vec::with_capacity(leaf.members.len());
        for member in &leaf.members {
            let tail = tails.get(member.key as usize)?.as_ref()?;
            if from_ms <= tail.gone_ms() {
                return None;
            }
            if let Some(sample) = tail.newest(from_ms, at_ms) {
                out.push(Element::new(member.labels.clone(), sample.v));
            }
        }
        Some(out)
    }

    /// Applies a function to each series of a range.
    pub(crate) fn over(
        &self,
        (vector, range_ms): (&VectorSelector, i64),
        over: &Over<'_>,
        at_ms: i64,
    ) -> Option<Vec<Element>> {
        let mut rules = self.rules.borrow_mut();
        let (leaf, tails) = read(&mut rules, vector, range_ms)?;
        let mut out = Vec::with_capacity(leaf.members.len());
        let window = (at_ms.saturating_sub(range_ms), at_ms);
        slide(&mut leaf.members, tails, over, window, |_, labels, v| {
            let drop_name = !over.keep_name;
            out.push(Element { drop_name, ..Element::new(labels.clone(), v) });
        })
        .ok()?;
        Some(out)
    }

    /// Applies a function to each series of a range and aggregates the values by groups.
    pub(crate) fn grouped(
        &self,
        (vector, range_ms): (&VectorSelector, i64),
        over: &Over<'_>,
        (op, by): (AggregateOp, &Grouping),
        at_ms: i64,
    ) -> Option<Vec<Element>> {
        let mut rules = self.rules.borrow_mut();
        let (leaf, tails) = read(&mut rules, vector, range_ms)?;
        let grouping = leaf.group(by);
        let (members, grouped) = leaf.grouped(grouping);
        let mut order: Vec<usize> = Vec::new();
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); grouped.labels.len()];
        let window = (at_ms.saturating_sub(range_ms), at_ms);
        slide(members, tails, over, window, |at, _, v| {
            let group = grouped.of_member[at] as usize;
            if values[group].is_empty() {
                order.push(group);
            }
            values[group].push(v);
        })
        .ok()?;
        let one = |group: usize| {
            let labels = grouped.labels[group].clone();
            let drop_name = !over.keep_name && labels.has(METRIC_NAME);
            Element { drop_name, ..Element::new(labels, reduce(op, &mut values[group])) }
        };
        Some(order.into_iter().map(one).collect())
    }
}

fn read<'r>(
    rules: &'r mut Rules,
    vector: &VectorSelector,
    range_ms: i64,
) -> Option<(&'r mut Leaf, &'r [Option<Tail>])> {
    let unmoved = vector.shift == Shift::default();
    let at = rules.leaf(&vector.selector, range_ms).filter(|_| unmoved)?;
    Some((&mut rules.leaves[at], &rules.tails))
}

fn slide(
    members: &mut [Member],
    tails: &[Option<Tail>],
    over: &Over<'_>,
    (from_ms, to_ms): (i64, i64),
    mut found: impl FnMut(usize, &Labels, f64),
) -> Result<(), Behind> {
    let quick = Quick::of(over.name);
    let mut samples: Vec<Sample> = Vec::new();
    // First all windows slide, and only then is anything worked out: the first loop waits for
    // memory, and the shorter it is the more of these waits go on at once.
    let mut parts = Vec::with_capacity(members.len());
    for member in members.iter_mut() {
        let tail = tails.get(member.key as usize).and_then(Option::as_ref).ok_or(Behind)?;
        parts.push((tail, member.slide(tail, from_ms, to_ms)?));
    }
    for (at, (member, (tail, part))) in members.iter().zip(parts).enumerate() {
        let Some(part) = part else { continue };
        let v = match quick {
            Some(quick) => quick.value(tail, part, (from_ms, to_ms)),
            None => {
                samples.clear();
                tail.copy(part, &mut samples);
                let (samples, histograms) = (samples.as_slice(), &[][..]);
                // Series of native histograms have no tails.
                match (over.f)(&Window { samples, histograms, from_ms, to_ms, at_ms: to_ms }) {
                    Some(Datum::Float(v)) => Some(v),
                    Some(Datum::Histogram(_)) | None => None,
                }
            }
        };
        if let Some(v) = v {
            found(at, &member.labels, v);
        }
    }
    Ok(())
}
