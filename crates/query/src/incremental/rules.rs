//! Owns the rules, the sheets they read, and which series belongs to which.

use std::collections::{HashMap, HashSet};

use crate::ast::{Expr, Shift, VectorSelector};
use crate::eval::{EvalError, eval_live};
use crate::incremental::answer::Live;
use crate::incremental::leaf::Leaf;
use crate::incremental::sheets::Sheets;
use crate::labels::{Labels, METRIC_NAME};
use crate::selector::{MatchOp, Selector};
use crate::series::{LOOKBACK_MS, Sample, Series, Storage};
use crate::value::Value;

/// The number by which a storage knows a series; small, since columns are found by it.
pub type SeriesKey = u32;

/// What is known of a selector's series already: each with the key under which its samples will
/// arrive, and its samples from a time on.
pub type History<'h> = dyn FnMut(&Selector, i64) -> Vec<(SeriesKey, Series)> + 'h;

/// One rule among [`Rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleId(usize);

/// Rules that are evaluated over and over while samples arrive.
#[derive(Debug, Default)]
pub struct Rules {
    exprs: Vec<Expr>,
    pub(crate) leaves: Vec<Leaf>,
    /// The leaves of a selector, one for each range.
    by_selector: HashMap<Selector, Vec<usize>>,
    /// The leaves that a label can make match, so that a new series asks few of them.
    by_pair: HashMap<(String, String), Vec<usize>>,
    /// The leaves whose selectors demand no label outright.
    by_nothing: Vec<usize>,
    pub(super) sheets: Sheets,
}

impl Rules {
    /// Adds a rule that is evaluated from `since_ms` on.
    pub fn add(&mut self, expr: Expr, since_ms: i64, history: &mut History<'_>) -> RuleId {
        let mut wanted: Vec<(Selector, i64)> = Vec::new();
        leaves_of(&expr, &mut wanted);
        for (selector, range_ms) in wanted {
            if self.leaf(&selector, range_ms).is_none() {
                self.add_leaf(selector, range_ms, since_ms, history);
            }
        }
        self.exprs.push(expr);
        RuleId(self.exprs.len() - 1)
    }

    /// Returns a rule's expression.
    pub fn expr(&self, rule: RuleId) -> &Expr {
        &self.exprs[rule.0]
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Tells whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.exprs.is_empty()
    }

    /// Notes a series that is new: it has no sample yet. Its key must not be in use.
    pub fn born(&mut self, key: SeriesKey, labels: &Labels) {
        let of_pair = |(name, value): (&str, &str)| {
            self.by_pair.get(&(name.to_owned(), value.to_owned())).into_iter().flatten()
        };
        let asked = labels.iter().flat_map(of_pair).chain(&self.by_nothing);
        let matches = |at: &&usize| self.leaves[**at].selector.matches(labels);
        let found: Vec<usize> = asked.filter(matches).copied().collect();
        let Some(range_ms) = found.iter().map(|at| self.leaves[*at].range_ms).max() else { return };
        self.sheets.await_first(key, range_ms);
        found.into_iter().for_each(|at| self.leaves[at].join(key, labels));
    }

    /// Takes a sample of a series, staleness markers included.
    pub fn arrived(&mut self, key: SeriesKey, sample: Sample) {
        self.sheets.push(key, sample);
    }

    /// Notes series that the storage no longer holds; their keys may be given anew.
    pub fn gone(&mut self, keys: &[SeriesKey]) {
        if self.sheets.forget(keys) {
            let keys: HashSet<SeriesKey> = keys.iter().copied().collect();
            self.leaves.iter_mut().for_each(|leaf| leaf.leave(&keys));
        }
    }

    /// Evaluates a rule at one time. What the sheets cannot answer (an evaluation far behind the
    /// arrivals, a subquery, `offset`, `@`) is read from the storage.
    pub fn eval(
        &mut self,
        rule: RuleId,
        storage: &dyn Storage,
        at_ms: i64,
    ) -> Result<Value, EvalError> {
        let exprs = std::mem::take(&mut self.exprs);
        let live = Live::new(std::mem::take(self));
        let value = eval_live(&exprs[rule.0], storage, &live, at_ms);
        *self = Rules { exprs, ..live.into_rules() };
        value
    }

    pub(crate) fn leaf(&self, selector: &Selector, range_ms: i64) -> Option<usize> {
        let of_selector = self.by_selector.get(selector)?;
        of_selector.iter().copied().find(|at| self.leaves[*at].range_ms == range_ms)
    }

    fn add_leaf(
        &mut self,
        selector: Selector,
        range_ms: i64,
        since_ms: i64,
        history: &mut History<'_>,
    ) {
        let at = self.leaves.len();
        let from_ms = since_ms.saturating_sub(range_ms);
        let mut leaf = Leaf::new(selector, range_ms);
        for (key, series) in history(&leaf.selector, from_ms) {
            self.sheets.adopt(key, (range_ms, from_ms.saturating_sub(1)), &series.samples);
            leaf.join(key, &series.labels);
        }
        self.by_selector.entry(leaf.selector.clone()).or_default().push(at);
        self.list_leaf(&leaf.selector, at);
        self.leaves.push(leaf);
    }

    /// Lists a leaf under the label that the fewest others are listed under.
    fn list_leaf(&mut self, selector: &Selector, at: usize) {
        let demanded = selector
            .matchers
            .iter()
            .filter(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty());
        let crowd = |name: &String, value: &String| {
            let listed = self.by_pair.get(&(name.clone(), value.clone())).map_or(0, Vec::len);
            (listed, name == METRIC_NAME)
        };
        match demanded.min_by_key(|matcher| crowd(&matcher.name, &matcher.value)) {
            Some(matcher) => {
                let pair = (matcher.name.clone(), matcher.value.clone());
                self.by_pair.entry(pair).or_default().push(at);
            }
            None => self.by_nothing.push(at),
        }
    }
}

/// Lists what an expression reads at its own time; what is shifted, or inside a subquery, is read
/// from the storage.
fn leaves_of(expr: &Expr, into: &mut Vec<(Selector, i64)>) {
    let mut want = |vector: &VectorSelector, range_ms: i64| {
        let wanted = (vector.selector.clone(), range_ms);
        if vector.shift == Shift::default() && !into.contains(&wanted) {
            into.push(wanted);
        }
    };
    match expr {
        Expr::Vector(vector) => want(vector, LOOKBACK_MS),
        Expr::Range(vector, range_ms) => want(vector, *range_ms),
        Expr::Number(_) | Expr::Text(_) | Expr::Subquery(_) => {}
        Expr::Negate(inner) => leaves_of(inner, into),
        Expr::Call(_, args) => args.iter().for_each(|arg| leaves_of(arg, into)),
        Expr::Aggregate(aggregate) => {
            leaves_of(&aggregate.expr, into);
            aggregate.param.iter().for_each(|param| leaves_of(param, into));
        }
        Expr::Binary(binary) => {
            leaves_of(&binary.left, into);
            leaves_of(&binary.right, into);
        }
    }
}
