//! Owns `and`, `or` and `unless`.

use std::collections::HashSet;

use crate::ast::{Binary, BinaryOp};
use crate::eval::binary::signature;
use crate::labels::Labels;
use crate::value::Element;

pub(crate) fn eval(binary: &Binary, left: Vec<Element>, right: Vec<Element>) -> Vec<Element> {
    let key = |element: &Element| signature(&element.labels, &binary.matching);
    if binary.op == BinaryOp::Or {
        let present: HashSet<Labels> = left.iter().map(key).collect();
        let added = right.into_iter().filter(|element| !present.contains(&key(element)));
        return left.into_iter().chain(added).collect();
    }
    let present: HashSet<Labels> = right.iter().map(key).collect();
    let wanted = binary.op == BinaryOp::And;
    left.into_iter().filter(|element| present.contains(&key(element)) == wanted).collect()
}
