//! Owns what the sheets answer in place of the storage during one evaluation.

use std::cell::RefCell;

use crate::ast::{AggregateOp, Grouping, Shift, VectorSelector};
use crate::eval::reduce;
use crate::extrapolation::Stretch;
use crate::function::Window;
use crate::incremental::leaf::{Grouped, Leaf};
use crate::incremental::rules::Rules;
use crate::incremental::sheet::Part;
use crate::incremental::sheets::Sheets;
use crate::labels::METRIC_NAME;
use crate::series::{LOOKBACK_MS, Sample};
use crate::value::{Datum, Element};

/// The sheets during one evaluation. Every question may be left unanswered: the storage knows too.
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

/// How a function's value follows from the ends of a window without gap and reset.
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
}

/// The window of an evaluation in one sheet, and what of a change all its series share.
struct Shared {
    quick: Quick,
    /// None where the window has one row: a change needs two.
    stretch: Option<Stretch>,
    length_s: f64,
    count: f64,
}

impl Shared {
    fn of(quick: Quick, part: &Part<'_>, window: (i64, i64)) -> Shared {
        let (first_ms, last_ms, count) = part.ends();
        Shared {
            quick,
            stretch: (count > 1).then(|| Stretch::of((first_ms, last_ms, count), window)),
            length_s: (window.1 - window.0) as f64 / 1000.0,
            count: count as f64,
        }
    }

    fn value(&self, first: f64, last: f64) -> Option<f64> {
        let change =
            |counter: bool| Some(self.stretch.as_ref()?.stretched(first, last - first, counter));
        match self.quick {
            Quick::Rate => Some(change(true)? / self.length_s),
            Quick::Increase => change(true),
            Quick::Delta => change(false),
            Quick::Count => Some(self.count),
            Quick::First => Some(first),
            Quick::Last => Some(last),
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
        let (leaf, sheets) = read(&mut rules, vector, LOOKBACK_MS)?;
        let from_ms = at_ms.saturating_sub(LOOKBACK_MS).saturating_add(1);
        let layout = leaf.layout();
        let mut out = Vec::with_capacity(layout.columns.len());
        let mut columns = layout.columns.iter();
        for (sheet, len) in &layout.runs {
            let sheet = sheets.sheet(*sheet)?;
            if from_ms <= sheet.gone_ms().max(layout.gone_ms) {
                return None;
            }
            for (at, column) in columns.by_ref().take(*len) {
                if let Some(v) = sheet.newest(*column as usize, from_ms, at_ms) {
                    out.push(Element::new(leaf.members[*at as usize].labels.clone(), v));
                }
            }
        }
        (from_ms > layout.gone_ms).then_some(out)
    }

    /// Applies a function to each series of a range.
    pub(crate) fn over(
        &self,
        (vector, range_ms): (&VectorSelector, i64),
        over: &Over<'_>,
        at_ms: i64,
    ) -> Option<Vec<Element>> {
        let mut rules = self.rules.borrow_mut();
        let (leaf, sheets) = read(&mut rules, vector, range_ms)?;
        let mut out = Vec::with_capacity(leaf.members.len());
        let window = (at_ms.saturating_sub(range_ms), at_ms);
        each(leaf, sheets, over, window, |at, v| {
            let labels = leaf.members[at].labels.clone();
            out.push(Element { drop_name: !over.keep_name, ..Element::new(labels, v) });
        })?;
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
        let grouping = read(&mut rules, vector, range_ms)?.0.group(by);
        let (leaf, sheets) = read(&mut rules, vector, range_ms)?;
        let grouped = leaf.grouped(grouping);
        let window = (at_ms.saturating_sub(range_ms), at_ms);
        let one = |group: usize, values: &mut [f64]| {
            let labels = grouped.labels[group].clone();
            let drop_name = !over.keep_name && labels.has(METRIC_NAME);
            Element { drop_name, ..Element::new(labels, reduce(op, values)) }
        };
        if let [_] = grouped.labels.as_slice() {
            let mut values = Vec::with_capacity(leaf.members.len());
            each(leaf, sheets, over, window, |_, v| values.push(v))?;
            return Some(if values.is_empty() { Vec::new() } else { vec![one(0, &mut values)] });
        }
        let mut split = Split::new(grouped);
        each(leaf, sheets, over, window, |at, v| split.add(at, v))?;
        let Split { order, mut values, .. } = split;
        Some(order.into_iter().map(|group| one(group, &mut values[group])).collect())
    }
}

/// Values by groups, in the order in which groups got their first.
struct Split<'g> {
    grouped: &'g Grouped,
    order: Vec<usize>,
    values: Vec<Vec<f64>>,
}

impl Split<'_> {
    fn new(grouped: &Grouped) -> Split<'_> {
        Split { grouped, order: Vec::new(), values: vec![Vec::new(); grouped.labels.len()] }
    }

    fn add(&mut self, member: usize, v: f64) {
        let group = self.grouped.of_member[member] as usize;
        if self.values[group].is_empty() {
            self.order.push(group);
        }
        self.values[group].push(v);
    }
}

fn read<'r>(
    rules: &'r mut Rules,
    vector: &VectorSelector,
    range_ms: i64,
) -> Option<(&'r mut Leaf, &'r Sheets)> {
    let unmoved = vector.shift == Shift::default();
    let at = rules.leaf(&vector.selector, range_ms).filter(|_| unmoved)?;
    let leaf = &mut rules.leaves[at];
    leaf.lay_out(&rules.sheets);
    Some((leaf, &rules.sheets))
}

/// Works out a function's value for each series; `None` where the sheets no longer have what a
/// window needs.
fn each(
    leaf: &Leaf,
    sheets: &Sheets,
    over: &Over<'_>,
    (from_ms, to_ms): (i64, i64),
    mut found: impl FnMut(usize, f64),
) -> Option<()> {
    let (quick, layout) = (Quick::of(over.name), leaf.layout());
    let mut samples: Vec<Sample> = Vec::new();
    let mut in_full = |part: &Part<'_>, column: usize| {
        samples.clear();
        part.copy(column, &mut samples);
        let (samples, histograms) = (samples.as_slice(), &[][..]);
        if samples.is_empty() {
            return None;
        }
        // Series of native histograms have no columns.
        match (over.f)(&Window { samples, histograms, from_ms, to_ms, at_ms: to_ms })? {
            Datum::Float(v) => Some(v),
            Datum::Histogram(_) => None,
        }
    };
    let mut rest = layout.columns.as_slice();
    if from_ms < layout.gone_ms {
        return None;
    }
    for (sheet, len) in &layout.runs {
        let (columns, others) = rest.split_at_checked(*len)?;
        rest = others;
        let sheet = sheets.sheet(*sheet)?;
        if from_ms < sheet.gone_ms() {
            return None;
        }
        let Some(part) = sheet.part(from_ms, to_ms) else { continue };
        let shared = quick.map(|quick| Shared::of(quick, &part, (from_ms, to_ms)));
        for (at, column) in columns {
            let column = *column as usize;
            let plain = shared.as_ref().and_then(|shared| Some((shared, part.plain(column)?)));
            let v = match plain {
                Some((shared, (first, last))) => shared.value(first, last),
                None => in_full(&part, column),
            };
            if let Some(v) = v {
                found(*at as usize, v);
            }
        }
    }
    Some(())
}
