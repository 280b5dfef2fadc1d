//! Owns the aggregations of a vector into groups.

use std::collections::HashMap;

use crate::ast::{Aggregate, AggregateOp, Expr, Grouping};
use crate::eval::binary::signature;
use crate::eval::context::Context;
use crate::eval::error::EvalError;
use crate::eval::windows;
use crate::histogram::{self, Histogram};
use crate::labels::{Labels, METRIC_NAME};
use crate::statistics;
use crate::value::{Datum, Element, Value};

pub(crate) fn eval(aggregate: &Aggregate, context: &Context<'_>) -> Result<Value, EvalError> {
    let at_hand = live(aggregate, context).or_else(|| windows::aggregated(aggregate, context));
    if let Some(elements) = at_hand {
        return Ok(Value::Vector(elements));
    }
    let elements = match context.eval(&aggregate.expr)? {
        Value::Vector(elements) => elements,
        other => return Err(EvalError::Operand(other.kind())),
    };
    let param = aggregate.param.as_ref().map(|param| context.eval(param)).transpose()?;
    let out = match (aggregate.op, param) {
        (AggregateOp::TopK | AggregateOp::BottomK, Some(Value::Scalar(k))) => {
            ranked(aggregate, elements, k)?
        }
        (AggregateOp::CountValues, Some(Value::Text(label))) => {
            count_values(aggregate, elements, &label)?
        }
        (AggregateOp::Quantile, Some(Value::Scalar(q))) => {
            reduced(aggregate, elements, |values| statistics::quantile(q, values))
        }
        (AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::CountValues, other)
        | (AggregateOp::Quantile, other) => {
            return Err(EvalError::Operand(other.map_or("missing", |value| value.kind())));
        }
        (op, _) => reduced(aggregate, elements, |values| reduce(op, values)),
    };
    Ok(Value::Vector(out))
}

/// Aggregates a function over a range straight from the sheets of an incremental evaluation.
fn live(aggregate: &Aggregate, context: &Context<'_>) -> Option<Vec<Element>> {
    let (live, Expr::Call(function, args)) = (context.live?, &aggregate.expr) else { return None };
    let (over, [Expr::Range(vector, range_ms)]) = (function.over()?, args.as_slice()) else {
        return None;
    };
    if aggregate.param.is_some() {
        return None;
    }
    let how = (aggregate.op, &aggregate.grouping);
    live.grouped((vector, *range_ms), &over, how, context.at_ms)
}

pub(crate) fn reduce(op: AggregateOp, values: &mut [f64]) -> f64 {
    match op {
        AggregateOp::Sum => statistics::sum(values.iter().copied()),
        AggregateOp::Avg => statistics::mean(values),
        AggregateOp::Count => values.len() as f64,
        AggregateOp::Group => 1.0,
        AggregateOp::Min => values.iter().copied().fold(f64::NAN, f64::min),
        AggregateOp::Max => values.iter().copied().fold(f64::NAN, f64::max),
        AggregateOp::Stddev => statistics::variance(values).sqrt(),
        AggregateOp::Stdvar => statistics::variance(values),
        AggregateOp::TopK
        | AggregateOp::BottomK
        | AggregateOp::CountValues
        | AggregateOp::Quantile => f64::NAN,
    }
}

/// Splits a vector into groups, in the order of their first member.
fn groups(grouping: &Grouping, elements: Vec<Element>) -> Vec<(Labels, Vec<Element>)> {
    if matches!(grouping, Grouping::By(names) if names.is_empty()) {
        let all = (Labels::empty(), elements);
        return if all.1.is_empty() { Vec::new() } else { vec![all] };
    }
    let mut places = HashMap::<Labels, usize>::new();
    let mut groups: Vec<(Labels, Vec<Element>)> = Vec::new();
    for element in elements {
        let key = signature(&element.labels, grouping);
        let place = *places.entry(key.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[place].1.push(element);
    }
    groups
}

fn reduced(
    aggregate: &Aggregate,
    elements: Vec<Element>,
    f: impl Fn(&mut [f64]) -> f64,
) -> Vec<Element> {
    let one = |(labels, members): (Labels, Vec<Element>)| {
        let drop_name = members.iter().any(|member| member.drop_name);
        let drop_name = drop_name && labels.has(METRIC_NAME);
        let native = members.iter().filter_map(|member| member.histogram.as_deref());
        let native: Vec<&Histogram> = native.collect();
        let datum = match (aggregate.op, native.len()) {
            // What only counts takes both kinds.
            (AggregateOp::Count | AggregateOp::Group, _) | (_, 0) => {
                let mut values: Vec<f64> = members.iter().map(|member| member.v).collect();
                Datum::Float(f(&mut values))
            }
            // Numbers and histograms do not add up.
            (AggregateOp::Sum | AggregateOp::Avg, count) if count < members.len() => return None,
            (AggregateOp::Sum, _) => histogram::sum(&native)?.into(),
            (AggregateOp::Avg, _) => histogram::mean(&native)?.into(),
            _ => {
                let floats = members.iter().filter(|member| member.histogram.is_none());
                let mut values: Vec<f64> = floats.map(|member| member.v).collect();
                if values.is_empty() {
                    return None;
                }
                Datum::Float(f(&mut values))
            }
        };
        Some(Element::of(labels, datum, drop_name))
    };
    groups(&aggregate.grouping, elements).into_iter().filter_map(one).collect()
}

fn ranked(
    aggregate: &Aggregate,
    elements: Vec<Element>,
    k: f64,
) -> Result<Vec<Element>, EvalError> {
    let top = aggregate.op == AggregateOp::TopK;
    let function = if top { "topk" } else { "bottomk" };
    if k.is_nan() || k >= 9.223_372_036_854_775e18 || k <= -9.223_372_036_854_775e18 {
        return Err(EvalError::Parameter {
            function,
            why: format!("the number of series is {k}; give a whole number"),
        });
    }
    let k = if k < 1.0 { 0 } else { k as usize };
    let mut out = Vec::new();
    for (_, mut members) in groups(&aggregate.grouping, elements) {
        members.retain(|member| member.histogram.is_none());
        // NaN comes last either way: it is neither large nor small.
        members.sort_by(|a, b| match (a.v.is_nan(), b.v.is_nan()) {
            (false, false) if top => statistics::nan_first(b.v, a.v),
            (false, false) => statistics::nan_first(a.v, b.v),
            (a_nan, b_nan) => a_nan.cmp(&b_nan),
        });
        members.truncate(k);
        out.append(&mut members);
    }
    Ok(out)
}

fn count_values(
    aggregate: &Aggregate,
    elements: Vec<Element>,
    label: &str,
) -> Result<Vec<Element>, EvalError> {
    if label.is_empty() {
        return Err(EvalError::Parameter {
            function: "count_values",
            why: "the label's name is empty".into(),
        });
    }
    let mut counts = HashMap::<Labels, f64>::new();
    let mut order = Vec::new();
    for element in elements {
        let key = signature(&element.labels, &aggregate.grouping);
        let shown = match &element.histogram {
            None => go_float(element.v),
            Some(histogram) => histogram.to_string(),
        };
        let key = key.with(label, &shown);
        *counts.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            0.0
        }) += 1.0;
    }
    Ok(order
        .into_iter()
        .map(|labels| Element::new(labels.clone(), counts.get(&labels).copied().unwrap_or(0.0)))
        .collect())
}

/// Prints a number as Go prints it in a label.
pub(crate) fn go_float(v: f64) -> String {
    if v.is_nan() {
        "NaN".into()
    } else if v.is_infinite() {
        if v > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        v.to_string()
    }
}
