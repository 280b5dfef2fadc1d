//! Owns what is said while documents are read: every value that cannot be taken is refused with
//! its place, what is wrong with it, and what to write instead.

use super::INCOMPLETE;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::read::closest;
use crate::yaml::{Kind, Node};
use std::collections::HashSet;

/// It is refused, and the person was told why; only [`Reader::refuse`] makes one.
#[derive(Debug)]
pub(super) struct Refused(());

/// One word of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'n> {
    pub(super) text: &'n str,
    pub(super) span: Span,
}

pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where the document begins that is read at the moment.
    pub(super) offset: usize,
    pub(super) found: Vec<Diagnostic>,
    /// Names of rules so far.
    pub(super) names: HashSet<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, offset: 0, found: Vec::new(), names: HashSet::new() }
    }

    /// Takes a diagnostic of the document, whose places count from its beginning. Those where
    /// nothing is written count so, too.
    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        let shift = |span: Span| Span::new(span.start + self.offset, span.end + self.offset);
        diagnostic.span = shift(diagnostic.span);
        for (span, _) in &mut diagnostic.others {
            *span = shift(*span);
        }
        self.found.push(diagnostic);
    }

    pub(super) fn say(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        self.push(Diagnostic::new(code, span, message).help(help));
    }

    /// Says why something cannot be taken.
    pub(super) fn refuse(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: &str,
    ) -> Refused {
        self.say(code, span, message, help);
        Refused(())
    }

    /// The place to mark for a node. A block of several lines would bury the message, so its first
    /// key stands for it.
    pub(super) fn mark(&self, node: &Node) -> Span {
        let range = node.span.start + self.offset..node.span.end + self.offset;
        let written = self.text.get(range).unwrap_or_default().trim_end();
        let Some(line) = written.find('\n') else { return node.span };
        match &node.kind {
            Kind::Map(pairs) => pairs.first().map_or(node.span, |pair| pair.key_span),
            Kind::List(items) => items.first().map_or(node.span, |item| self.mark(item)),
            Kind::Scalar { .. } => Span::new(node.span.start, node.span.start + line),
        }
    }

    /// Says that a key is missing; one that is spelled nearly so is shown.
    pub(super) fn missing(&mut self, of: &Node, key: &str, whose: &str, help: &str) -> Refused {
        let message = format!("{whose} has no {key}");
        let mut diagnostic = Diagnostic::new(INCOMPLETE, self.mark(of), message).help(help);
        if let Kind::Map(pairs) = &of.kind
            && let Some(near) = closest(key, pairs.iter().map(|pair| pair.key.as_str()))
            && let Some(pair) = pairs.iter().find(|pair| pair.key == near)
        {
            diagnostic.span = pair.key_span;
            diagnostic = diagnostic.label(format!("did you mean {key}?"));
        }
        self.push(diagnostic);
        Refused(())
    }

    /// What is written under a key that may be absent: its place where the value is empty.
    fn written<'n>(
        &mut self,
        of: &'n Node,
        key: &str,
        help: &str,
    ) -> Result<Option<(&'n Node, Span)>, Refused> {
        let Kind::Map(pairs) = &of.kind else { return Ok(None) };
        let Some(pair) = pairs.iter().find(|pair| pair.key == key) else { return Ok(None) };
        let empty = matches!(&pair.value.kind, Kind::Scalar { text, .. } if text.is_empty());
        if empty || pair.value.is_null() {
            return Err(self.refuse(INCOMPLETE, pair.key_span, format!("{key} is empty"), help));
        }
        Ok(Some((&pair.value, pair.key_span)))
    }

    /// The word under a key that may be absent.
    pub(super) fn word_if_any<'n>(
        &mut self,
        of: &'n Node,
        key: &str,
        help: &str,
    ) -> Result<Option<Word<'n>>, Refused> {
        let Some((node, key_span)) = self.written(of, key, help)? else { return Ok(None) };
        match &node.kind {
            Kind::Scalar { text, .. } => Ok(Some(Word { text, span: node.span })),
            _ => {
                let message = format!("{key} is {}, not a single value", node.shape());
                Err(self.refuse(INCOMPLETE, key_span, message, help))
            }
        }
    }

    /// The word under a key.
    pub(super) fn word<'n>(
        &mut self,
        of: &'n Node,
        key: &str,
        whose: &str,
        help: &str,
    ) -> Result<Word<'n>, Refused> {
        let word = self.word_if_any(of, key, help)?;
        word.ok_or_else(|| self.missing(of, key, whose, help))
    }

    /// The items of the list under a key; none where it is absent.
    pub(super) fn list<'n>(
        &mut self,
        of: &'n Node,
        key: &str,
        help: &str,
    ) -> Result<&'n [Node], Refused> {
        let Some((node, key_span)) = self.written(of, key, help)? else { return Ok(&[]) };
        match &node.kind {
            Kind::List(items) => Ok(items),
            _ => {
                let message = format!("{key} is {}, not a list", node.shape());
                Err(self.refuse(INCOMPLETE, key_span, message, help))
            }
        }
    }

    /// The map under a key.
    pub(super) fn map<'n>(
        &mut self,
        of: &'n Node,
        key: &str,
        whose: &str,
        help: &str,
    ) -> Result<&'n Node, Refused> {
        let Some((node, key_span)) = self.written(of, key, help)? else {
            return Err(self.missing(of, key, whose, help));
        };
        match &node.kind {
            Kind::Map(_) => Ok(node),
            _ => {
                let message = format!("{key} is {}, not a map", node.shape());
                Err(self.refuse(INCOMPLETE, key_span, message, help))
            }
        }
    }
}
