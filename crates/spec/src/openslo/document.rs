//! Owns the parts of a stream of documents, and the way to a node in one.

use crate::yaml::{Kind, Node};

/// Splits a stream into its documents, each with its place.
pub(super) fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        // A comment or the document's first value may stand on the marker's own line.
        let marker = line.strip_prefix("---");
        if marker.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            parts.push((start, &text[start..at]));
            start = at + "---".len();
        }
        at += line.len();
    }
    parts.push((start, &text[start..]));
    // Directives and ends of documents say nothing by themselves.
    let says = |line: &str| {
        let line = line.trim();
        !line.is_empty() && line != "..." && !line.starts_with(['#', '%'])
    };
    parts.retain(|(_, part)| part.lines().any(says));
    parts
}

pub(super) fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.kind {
        Kind::Map(pairs) => pairs.iter().find(|p| p.key == key).map(|p| &p.value),
        _ => None,
    }
}

pub(super) fn path<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    keys.iter().try_fold(node, |node, key| get(node, key))
}

/// The word at the end of a path; nothing where there is none or where the place is empty.
pub(super) fn text_at<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n str> {
    let node = path(node, keys)?;
    match &node.kind {
        Kind::Scalar { text, .. } if !text.is_empty() && !node.is_null() => Some(text),
        _ => None,
    }
}
