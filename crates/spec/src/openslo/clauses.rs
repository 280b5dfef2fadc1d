//! Owns what an indicator is as clauses of a rule.

use super::query::{Query, Series};
use crate::sla::ast::{
    Aggregate, Bound, Clause, Function, MatchOp, Matcher, Objective, Place, Side,
};
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity, Share};

/// The window of a rule whose document names none in its query.
const WINDOW: Duration = Duration::from_secs(300);

/// What an SLI measures.
pub(super) enum Source {
    Ratio { good: Series, total: Series },
    Threshold(Query),
}

/// The good events, where the bad ones are all with one more condition.
pub(super) fn rest_of(bad: &Series, total: &Series) -> Option<Series> {
    let mut extra = bad.matchers.iter().filter(|m| !total.matchers.contains(m));
    let (one, none) = (extra.next()?, extra.next());
    let whole = total.matchers.iter().all(|m| bad.matchers.contains(m));
    if none.is_some() || !whole || bad.metric != total.metric {
        return None;
    }
    let op = match one.op {
        MatchOp::Equal => MatchOp::NotEqual,
        MatchOp::NotEqual => MatchOp::Equal,
        MatchOp::Regex => MatchOp::NotRegex,
        MatchOp::NotRegex => MatchOp::Regex,
    };
    let mut good = total.clone();
    good.matchers.push(Matcher { op, ..one.clone() });
    Some(good)
}

fn side(metric: Option<&str>, matchers: &[Matcher]) -> Side {
    Side {
        metric: metric.map(|m| Spanned::default_value(m.to_owned())),
        matchers: matchers.iter().cloned().map(Spanned::default_value).collect(),
        place: Place::default(),
    }
}

pub(super) fn when_where(series: &Series) -> Vec<Clause> {
    let mut clauses = vec![Clause::When(Spanned::default_value(series.metric.clone()))];
    if !series.matchers.is_empty() {
        clauses.push(Clause::Where(side(None, &series.matchers)));
    }
    clauses
}

pub(super) fn aggregate(function: Function, series: &Series) -> Clause {
    let range = series.range.as_deref().and_then(|r| Duration::parse_promql(r).ok());
    let window = Some(Spanned::default_value(range.unwrap_or(WINDOW)));
    Clause::Aggregate(Aggregate { function: Spanned::default_value(function), window })
}

pub(super) fn ratio_clauses(
    good: &Series,
    total: &Series,
    target: Share,
    over: Option<Duration>,
) -> Vec<Clause> {
    let mut clauses = Vec::new();
    if good.metric == total.metric {
        clauses.extend(when_where(total));
        let more: Vec<Matcher> =
            good.matchers.iter().filter(|m| !total.matchers.contains(m)).cloned().collect();
        clauses.push(Clause::Good(side(None, &more)));
    } else {
        clauses.push(Clause::Good(side(Some(&good.metric), &good.matchers)));
        clauses.push(Clause::Total(side(Some(&total.metric), &total.matchers)));
    }
    clauses.push(aggregate(Function::Ratio, total));
    let (op, value) = (Spanned::default_value(Op::Ge), Quantity::Share(target));
    clauses.push(Clause::Threshold(Bound { op, value: Spanned::default_value(value) }));
    if let Some(over) = over {
        let (target, over) = (Spanned::default_value(target), Spanned::default_value(over));
        clauses.push(Clause::Objective(Objective { target, over }));
    }
    clauses
}
