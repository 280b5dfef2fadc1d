//! Owns the result of `absent` and `absent_over_time`.

use crate::ast::Expr;
use crate::labels::{Labels, METRIC_NAME};
use crate::selector::{MatchOp, Matcher};
use crate::value::{Element, Value};

/// Returns one element with the labels that the selector fixes, or nothing where data was found.
pub(crate) fn absent(arg: Option<&Expr>, empty: bool) -> Value {
    if !empty {
        return Value::Vector(Vec::new());
    }
    let matchers = match arg {
        Some(Expr::Vector(vector) | Expr::Range(vector, _)) => vector.selector.matchers.as_slice(),
        _ => &[],
    };
    let repeated = |m: &Matcher| matchers.iter().filter(|other| other.name == m.name).count() > 1;
    let fixed = matchers
        .iter()
        .filter(|m| m.op == MatchOp::Equal && m.name != METRIC_NAME && !repeated(m))
        .map(|m| (m.name.as_str(), m.value.as_str()));
    Value::Vector(vec![Element::new(Labels::from_pairs(fixed), 1.0)])
}
