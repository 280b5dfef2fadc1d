//! Owns the memory of how queries are built. Rules of one kind differ in the texts of a few
//! conditions (`job="svc-7"`), and parsing one takes a hundred times as long as writing other texts
//! into the tree of an earlier one. A query has the same tree whether it was remembered or not.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::ast::{Expr, VectorSelector};
use crate::parse::QueryError;

/// Kinds of queries remembered by a thread; with more of them it begins anew.
const KINDS_MAX: usize = 64;
/// Stands before the number of a text in a kind. No query that has it is looked up.
const MARK: char = '\u{1}';

thread_local! {
    static KINDS: RefCell<HashMap<String, Expr>> = RefCell::default();
}

/// Returns the tree of a query, by `parse` where its kind is new.
pub(crate) fn parsed(
    query: &str,
    parse: impl Fn(&str) -> Result<Expr, QueryError>,
) -> Result<Expr, QueryError> {
    let Some((kind, texts)) = split(query) else { return parse(query) };
    KINDS.with_borrow_mut(|kinds| {
        if let Some(known) = kinds.get(&kind) {
            let mut expr = known.clone();
            fill(&mut expr, &texts);
            return Ok(expr);
        }
        // What is wrong with a query is said of the query as it is written.
        let Ok(known) = parse(&kind) else { return parse(query) };
        let mut expr = known.clone();
        fill(&mut expr, &texts);
        if kinds.len() >= KINDS_MAX {
            kinds.clear();
        }
        kinds.insert(kind, known);
        Ok(expr)
    })
}

/// Takes the texts out of conditions that compare with one text; none where there is none.
fn split(query: &str) -> Option<(String, Vec<&str>)> {
    if query.contains(MARK) {
        return None;
    }
    let (mut kind, mut texts) = (String::with_capacity(query.len()), Vec::new());
    let mut rest = query;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let (before, quoted) = rest.split_at(at);
        let (quote, inside) = quoted.split_at(1);
        let (text, behind) = inside.split_at(end_of(inside, quote.as_bytes()[0])?);
        kind.push_str(before);
        kind.push_str(quote);
        if is_compared(before) && is_plain(text) {
            kind.push(MARK);
            kind.push_str(&texts.len().to_string());
            texts.push(text);
        } else {
            kind.push_str(text);
        }
        kind.push_str(quote);
        rest = &behind[1..];
    }
    kind.push_str(rest);
    (!texts.is_empty()).then_some((kind, texts))
}

/// Where a string ends, seen from its first character.
fn end_of(inside: &str, quote: u8) -> Option<usize> {
    let mut bytes = inside.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && quote != b'`' {
            bytes.next();
        } else if byte == quote {
            return Some(at);
        }
    }
    None
}

/// Tells whether `=` or `!=` comes right before.
fn is_compared(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with('=') && !["==", "<=", ">=", "~="].iter().any(|op| before.ends_with(op))
}

/// Tells whether a text is one that no parser reads as anything else.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/:.".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

fn fill(expr: &mut Expr, texts: &[&str]) {
    match expr {
        Expr::Number(_) | Expr::Text(_) => {}
        Expr::Vector(vector) | Expr::Range(vector, _) => fill_selector(vector, texts),
        Expr::Negate(inner) => fill(inner, texts),
        Expr::Subquery(sub) => fill(&mut sub.expr, texts),
        Expr::Call(_, args) => args.iter_mut().for_each(|arg| fill(arg, texts)),
        Expr::Aggregate(aggregate) => {
            fill(&mut aggregate.expr, texts);
            aggregate.param.iter_mut().for_each(|param| fill(param, texts));
        }
        Expr::Binary(binary) => {
            fill(&mut binary.left, texts);
            fill(&mut binary.right, texts);
        }
    }
}

fn fill_selector(vector: &mut VectorSelector, texts: &[&str]) {
    for matcher in &mut vector.selector.matchers {
        let number = matcher.value.strip_prefix(MARK).and_then(|number| number.parse().ok());
        if let Some(text) = number.and_then(|number: usize| texts.get(number)) {
            matcher.value = (*text).to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Option<(&str, &[&str])>) {
        let found = split(query);
        let found = found.as_ref().map(|(kind, texts)| (kind.as_str(), texts.as_slice()));
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn only_texts_that_are_compared_are_taken_out() {
        check(
            r#"rate(a{job="x-1",code!~"5..",pod != 'p'}[5m])"#,
            Some(("rate(a{job=\"\u{1}0\",code!~\"5..\",pod != '\u{1}1'}[5m])", &["x-1", "p"])),
        );
        check(r#"a{b=""} + a{b="x y"} + a{b=~"x"} + a{b="\"x"}"#, None);
        check(r#"label_replace(a, "b=", "c", "d", "e")"#, None);
        check("a{b=\"x", None);
        check("a{b=\"\u{1}0\",c=\"d\"}", None);
        check("a", None);
    }

    #[test]
    fn a_remembered_query_is_the_one_that_is_parsed() {
        for round in 0..3 {
            for job in ["x", "y", "a.b/c:d"] {
                let text = format!(
                    r#"-sum(rate({{__name__="a",job="{job}",c!="{round}"}}[5m:1m]))
                       / quantile(0.5, max by (job) (a{{job='{job}',pod=~"z.*"}} offset 5m))"#
                );
                let again = crate::parse(&text).expect("it is a query");
                let plain = crate::parse::parse_anew(&text).expect("it is a query");
                assert_eq!(format!("{again:?}"), format!("{plain:?}"));
            }
        }
        let wrong = crate::parse(r#"a{job="x"} +"#).expect_err("it is no query");
        assert_eq!(Err(wrong), crate::parse::parse_anew(r#"a{job="x"} +"#).map(|_| ()));
    }
}
