//! Owns the way of each series' window to a function, without a copy of its samples.

use crate::ast::{Aggregate, Expr, Grouping, VectorSelector};
use crate::eval::aggregate::reduce;
use crate::eval::binary::signature;
use crate::eval::context::Context;
use crate::function::Window;
use crate::incremental::Over;
use crate::labels::{Labels, METRIC_NAME};
use crate::series::{Sample, Seen};
use crate::value::{Datum, Element};
use std::collections::HashMap;

/// Shows each series' samples in a range; false where there may be native histograms, which are
/// read another way.
pub(crate) fn each(
    context: &Context<'_>,
    (vector, range_ms): (&VectorSelector, i64),
    see: &mut dyn FnMut(&Labels, &Window<'_>),
) -> bool {
    if context.storage.holds_histograms() {
        return false;
    }
    let to_ms = context.shifted(&vector.shift);
    let from_ms = to_ms.saturating_sub(range_ms);
    let mut alive: Vec<Sample> = Vec::new();
    let first_ms = from_ms.saturating_add(1);
    context.storage.visit(&vector.selector, first_ms, to_ms, &mut |seen| {
        let Seen { labels, samples, .. } = seen;
        let samples = if samples.iter().any(Sample::is_stale) {
            alive.clear();
            alive.extend(samples.iter().filter(|sample| !sample.is_stale()));
            alive.as_slice()
        } else {
            samples
        };
        if !samples.is_empty() {
            let at_ms = context.at_ms;
            see(labels, &Window { samples, histograms: &[], from_ms, to_ms, at_ms });
        }
    });
    true
}

/// Aggregates a function over a range straight from the series; `None` where the expression is
/// something else.
pub(super) fn aggregated(aggregate: &Aggregate, context: &Context<'_>) -> Option<Vec<Element>> {
    let Expr::Call(function, args) = &aggregate.expr else { return None };
    let (Some(over), [Expr::Range(vector, range_ms)]) = (function.over(), args.as_slice()) else {
        return None;
    };
    if aggregate.param.is_some() {
        return None;
    }
    let mut groups = Groups::new(&aggregate.grouping);
    let all = each(context, (vector, *range_ms), &mut |labels, window| {
        // Without histograms in the window there is none in the value.
        if let Some(Datum::Float(v)) = (over.f)(window) {
            groups.add(labels, v);
        }
    });
    all.then(|| groups.reduced(aggregate, &over))
}

/// Values by groups, in the order of their first.
struct Groups<'g> {
    by: &'g Grouping,
    places: HashMap<Labels, usize>,
    all: Vec<(Labels, Vec<f64>)>,
}

impl Groups<'_> {
    fn new(by: &Grouping) -> Groups<'_> {
        Groups { by, places: HashMap::new(), all: Vec::new() }
    }

    fn add(&mut self, labels: &Labels, v: f64) {
        let place = match self.by {
            // All are in one group, whatever their labels.
            Grouping::By(names) if names.is_empty() => {
                if self.all.is_empty() {
                    self.all.push((Labels::empty(), Vec::new()));
                }
                0
            }
            by => {
                let key = signature(labels, by);
                let next = self.all.len();
                let place = *self.places.entry(key.clone()).or_insert(next);
                if place == next {
                    self.all.push((key, Vec::new()));
                }
                place
            }
        };
        self.all[place].1.push(v);
    }

    fn reduced(self, aggregate: &Aggregate, over: &Over<'_>) -> Vec<Element> {
        let one = |(labels, mut values): (Labels, Vec<f64>)| {
            let drop_name = !over.keep_name && labels.has(METRIC_NAME);
            Element { drop_name, ..Element::new(labels, reduce(aggregate.op, &mut values)) }
        };
        self.all.into_iter().map(one).collect()
    }
}
