//! Owns the operators between scalars and vectors and the matching of two vectors.

use std::collections::{HashMap, HashSet};

use crate::ast::{Binary, BinaryOp, Group, Grouping};
use crate::eval::context::Context;
use crate::eval::error::EvalError;
use crate::eval::set;
use crate::histogram::Histogram;
use crate::labels::{Labels, METRIC_NAME};
use crate::value::{Datum, Element, Value};

pub(crate) fn eval(binary: &Binary, context: &Context<'_>) -> Result<Value, EvalError> {
    let left = context.eval(&binary.left)?;
    let right = context.eval(&binary.right)?;
    match (left, right) {
        (Value::Scalar(l), Value::Scalar(r)) => Ok(Value::Scalar(match floats(binary.op, l, r) {
            Outcome::Value(Datum::Float(v)) => v,
            Outcome::Truth(is) => f64::from(u8::from(is)),
            Outcome::Value(Datum::Histogram(_)) | Outcome::Nothing => f64::NAN,
        })),
        (Value::Vector(l), Value::Scalar(r)) => Ok(Value::Vector(with_scalar(binary, l, r, false))),
        (Value::Scalar(l), Value::Vector(r)) => Ok(Value::Vector(with_scalar(binary, r, l, true))),
        (Value::Vector(l), Value::Vector(r)) if binary.op.is_set() => {
            Ok(Value::Vector(set::eval(binary, l, r)))
        }
        (Value::Vector(l), Value::Vector(r)) => Ok(Value::Vector(matched(binary, l, r)?)),
        (Value::Scalar(_) | Value::Vector(_), other) | (other, _) => {
            Err(EvalError::Operand(other.kind()))
        }
    }
}

/// Returns the labels by which an element of one vector finds its partner in the other.
pub(crate) fn signature(labels: &Labels, matching: &Grouping) -> Labels {
    match matching {
        Grouping::By(names) => labels.only(&borrowed(names)),
        Grouping::Without(names) => {
            let mut dropped = borrowed(names);
            dropped.push(METRIC_NAME);
            labels.without(&dropped)
        }
    }
}

enum Outcome {
    Value(Datum),
    Truth(bool),
    /// The operator means nothing between these two.
    Nothing,
}

fn apply(op: BinaryOp, left: &Datum, right: &Datum) -> Outcome {
    let value = |histogram: Option<Histogram>| match histogram {
        Some(histogram) => Outcome::Value(histogram.into()),
        None => Outcome::Nothing,
    };
    match (op, left, right) {
        (op, Datum::Float(l), Datum::Float(r)) => floats(op, *l, *r),
        (BinaryOp::Mul, Datum::Float(factor), Datum::Histogram(h))
        | (BinaryOp::Mul, Datum::Histogram(h), Datum::Float(factor)) => {
            value(Some(h.times(*factor)))
        }
        (BinaryOp::Div, Datum::Histogram(h), Datum::Float(divisor)) => {
            value(Some(h.over(*divisor)))
        }
        (BinaryOp::Add, Datum::Histogram(l), Datum::Histogram(r)) => value(l.plus(r)),
        (BinaryOp::Sub, Datum::Histogram(l), Datum::Histogram(r)) => value(l.minus(r)),
        (BinaryOp::Equal, Datum::Histogram(l), Datum::Histogram(r)) => Outcome::Truth(l.same(r)),
        (BinaryOp::NotEqual, Datum::Histogram(l), Datum::Histogram(r)) => {
            Outcome::Truth(!l.same(r))
        }
        _ => Outcome::Nothing,
    }
}

fn floats(op: BinaryOp, l: f64, r: f64) -> Outcome {
    let value = |v: f64| Outcome::Value(Datum::Float(v));
    match op {
        BinaryOp::Add => value(l + r),
        BinaryOp::Sub => value(l - r),
        BinaryOp::Mul => value(l * r),
        BinaryOp::Div => value(l / r),
        BinaryOp::Mod => value(l % r),
        BinaryOp::Pow => value(l.powf(r)),
        BinaryOp::Atan2 => value(l.atan2(r)),
        BinaryOp::Equal => Outcome::Truth(l == r),
        BinaryOp::NotEqual => Outcome::Truth(l != r),
        BinaryOp::Greater => Outcome::Truth(l > r),
        BinaryOp::Less => Outcome::Truth(l < r),
        BinaryOp::GreaterEqual => Outcome::Truth(l >= r),
        BinaryOp::LessEqual => Outcome::Truth(l <= r),
        // The set operators never reach this; the parser refuses them between scalars.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => value(f64::NAN),
    }
}

fn truth(truth: bool) -> Datum {
    Datum::Float(f64::from(u8::from(truth)))
}

fn with_scalar(
    binary: &Binary,
    elements: Vec<Element>,
    scalar: f64,
    scalar_left: bool,
) -> Vec<Element> {
    let scalar = Datum::Float(scalar);
    let one = |element: Element| -> Option<Element> {
        let own = element.datum();
        let (l, r) = if scalar_left { (&scalar, &own) } else { (&own, &scalar) };
        match apply(binary.op, l, r) {
            Outcome::Value(datum) => Some(Element::of(element.labels, datum, true)),
            Outcome::Truth(is) if binary.bool_result => {
                Some(Element::of(element.labels, truth(is), true))
            }
            Outcome::Truth(true) => Some(element),
            Outcome::Truth(false) | Outcome::Nothing => None,
        }
    };
    elements.into_iter().filter_map(one).collect()
}

fn matched(
    binary: &Binary,
    left: Vec<Element>,
    right: Vec<Element>,
) -> Result<Vec<Element>, EvalError> {
    let swapped = matches!(binary.group, Group::Right(_));
    let (many, one, one_side) =
        if swapped { (right, left, "left") } else { (left, right, "right") };
    if many.is_empty() || one.is_empty() {
        return Ok(Vec::new());
    }
    let mut partners = HashMap::<Labels, Element>::with_capacity(one.len());
    for element in one {
        let key = signature(&element.labels, &binary.matching);
        if let Some(twice) = partners.insert(key, element) {
            let labels = signature(&twice.labels, &binary.matching).to_string();
            return Err(EvalError::ManyToMany { side: one_side, labels });
        }
    }
    let mut out = Vec::with_capacity(many.len());
    let mut used = HashSet::<Labels>::with_capacity(many.len());
    for element in many {
        let key = signature(&element.labels, &binary.matching);
        let Some(partner) = partners.get(&key) else { continue };
        // Even where a comparison would filter the second partner away: whether a query is in
        // error must not depend on its values.
        if binary.group == Group::None && !used.insert(key.clone()) {
            return Err(EvalError::ManyToOne(key.to_string()));
        }
        let (own, other) = (element.datum(), partner.datum());
        let (l, r) = if swapped { (other, own) } else { (own, other) };
        let (datum, drop_name) = match apply(binary.op, &l, &r) {
            Outcome::Value(datum) => (datum, false),
            Outcome::Truth(is) if binary.bool_result => (truth(is), true),
            Outcome::Truth(true) => (l, element.drop_name),
            Outcome::Truth(false) | Outcome::Nothing => continue,
        };
        let labels = result_labels(binary, &element.labels, &partner.labels);
        if binary.group != Group::None && !used.insert(labels.clone()) {
            return Err(EvalError::ManyToOne(labels.to_string()));
        }
        out.push(Element::of(labels, datum, drop_name));
    }
    Ok(out)
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let mut labels = if binary.op.is_comparison() { many.clone() } else { many.without_name() };
    match &binary.group {
        Group::None => match &binary.matching {
            Grouping::By(names) => labels.only(&borrowed(names)),
            Grouping::Without(names) => labels.without(&borrowed(names)),
        },
        Group::Left(include) | Group::Right(include) => {
            for name in include {
                labels = labels.with(name, one.get(name));
            }
            labels
        }
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
