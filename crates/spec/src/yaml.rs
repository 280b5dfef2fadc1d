//! YAML text to a tree of nodes that know their place; the only file that names the YAML library.
//!
//! It keeps scalars as text: what a value means is decided by the reader that wants it, so no
//! `no` becomes a boolean here. Size, depth, node count and aliases are bounded.

use crate::diagnostic::{Code, Diagnostic, Span};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, options};
use std::collections::HashMap;

/// The text is not YAML.
const NOT_YAML: Code = Code::error("S100");
/// Larger, deeper or more tangled than any honest file.
pub(crate) const TOO_MUCH: Code = Code::error("S101");
/// More than one document, or none.
const ONE_DOCUMENT: Code = Code::error("S102");
/// A key is written twice.
const DUPLICATE: Code = Code::error("S103");

/// A file of a thousand faults is under 200 KiB.
const TEXT_MAX_BYTES: usize = 1024 * 1024;
/// The deepest file of the language has nine levels.
const DEPTH_MAX: usize = 32;
/// Far above what fits into the text; stops aliases from multiplying.
const NODES_MAX: usize = 200_000;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// The three shapes of YAML.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Text; `plain` when it has no quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A map without duplicate keys, in file order.
    Map(Vec<Pair>),
}

/// A line of a map.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Returns whether nothing is written here.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// Returns how a person would call the shape.
    pub(crate) fn shape(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Map(pairs) => pairs.iter().map(|pair| 1 + pair.value.count()).sum(),
        }
    }
}

/// Reads the one document of a text.
pub(crate) fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    if text.len() > TEXT_MAX_BYTES {
        let message = format!("the file has {} bytes; {TEXT_MAX_BYTES} is the most", text.len());
        let first_line = text.find('\n').unwrap_or(0).min(80);
        let diagnostic = Diagnostic::new(TOO_MUCH, Span::new(0, first_line), message);
        return (None, vec![diagnostic]);
    }
    let mut tree = Tree::new(text);
    let root = match tree.read_all() {
        Ok(()) => tree.root.take(),
        Err(diagnostic) => {
            tree.diagnostics.push(*diagnostic);
            None
        }
    };
    (root, tree.diagnostics)
}

/// A list or map that is not finished.
struct Open {
    start: usize,
    anchor: usize,
    flow: bool,
    shape: Shape,
}

enum Shape {
    List(Vec<Node>),
    Map { pairs: Vec<Pair>, places: HashMap<String, Span>, key: Option<(String, Span)> },
}

struct Tree<'t> {
    text: &'t str,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    anchors: HashMap<usize, Node>,
    diagnostics: Vec<Diagnostic>,
}

type Step = Result<(), Box<Diagnostic>>;

impl<'t> Tree<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            open: Vec::new(),
            root: None,
            documents: 0,
            nodes: 0,
            anchors: HashMap::new(),
            diagnostics: Vec::new(),
        }
    }

    fn read_all(&mut self) -> Step {
        let options = options! {
            emit_comments: false,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, self.span(&span))?,
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(0);
                    let message = format!("this is not YAML: {}", error.info());
                    return Err(Box::new(self.not_yaml(at, message)));
                }
            }
        }
        if self.documents == 0 || self.root.is_none() {
            let diagnostic = Diagnostic::new(ONE_DOCUMENT, Span::NONE, "the file is empty");
            return Err(Box::new(diagnostic.help("squall init writes one to begin with")));
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Step {
        let flow = |text: &str| matches!(text.as_bytes().get(span.start), Some(b'[' | b'{'));
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document begins here; only one is read";
                    let diagnostic = Diagnostic::new(ONE_DOCUMENT, span, message);
                    return Err(Box::new(diagnostic.help("move it to a file of its own")));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let kind =
                    Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                return self.node(Node { span, kind }, anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                let shape = Shape::List(Vec::new());
                return self.begin(span, anchor, flow(self.text), shape);
            }
            Event::MappingStart(_, anchor, _) => {
                let shape = Shape::Map { pairs: Vec::new(), places: HashMap::new(), key: None };
                return self.begin(span, anchor, flow(self.text), shape);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.end(span),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let message = "this alias stands inside what it names";
                    let diagnostic = Diagnostic::new(TOO_MUCH, span, message);
                    return Err(Box::new(diagnostic.help("write the value out here")));
                };
                self.count(node.count(), span)?;
                return self.node(node, 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, span: Span, anchor: usize, flow: bool, shape: Shape) -> Step {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(Box::new(Diagnostic::new(TOO_MUCH, span, message)));
        }
        self.open.push(Open { start: span.start, anchor, flow, shape });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Step {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (kind, last) = match open.shape {
            Shape::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::List(items), last)
            }
            Shape::Map { pairs, .. } => {
                let last = pairs.last().map(|p| p.value.span.end.max(p.key_span.end));
                (Kind::Map(pairs), last)
            }
        };
        // A block ends where its last value ends, not where the next token was seen.
        let end = if open.flow { span.end } else { last.unwrap_or(span.end) };
        let span = Span::new(open.start, end.max(open.start));
        self.node(Node { span, kind }, open.anchor)
    }

    fn node(&mut self, node: Node, anchor: usize) -> Step {
        self.count(1, node.span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.shape {
            Shape::List(items) => items.push(node),
            Shape::Map { pairs, places, key } => match key.take() {
                None => {
                    let Kind::Scalar { text, .. } = node.kind else {
                        let message = "a key must be a single word";
                        return Err(Box::new(Diagnostic::new(NOT_YAML, node.span, message)));
                    };
                    *key = Some((text, node.span));
                }
                Some((key, key_span)) => {
                    if let Some(&first) = places.get(&key) {
                        let message = format!("the key \"{key}\" is written twice");
                        let diagnostic = Diagnostic::new(DUPLICATE, key_span, message);
                        self.diagnostics.push(diagnostic.label("again").other(first, "first"));
                    } else {
                        places.insert(key.clone(), key_span);
                        pairs.push(Pair { key, key_span, value: node });
                    }
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, more: usize, span: Span) -> Step {
        self.nodes += more;
        if self.nodes > NODES_MAX {
            let message = format!("aliases make this more than {NODES_MAX} values");
            return Err(Box::new(Diagnostic::new(TOO_MUCH, span, message)));
        }
        Ok(())
    }

    fn span(&self, span: &ParserSpan) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        Span::new(range.start.min(end), end)
    }

    /// Says what the library says, and what to do about the usual one.
    fn not_yaml(&self, at: usize, message: String) -> Diagnostic {
        let place = self.word_at(at);
        let tab = self.text[place.start..].find('\t').map(|tab| place.start + tab);
        match tab.filter(|_| message.contains("tab")) {
            Some(tab) => Diagnostic::new(NOT_YAML, Span::new(tab, tab + 1), message)
                .label("here")
                .help("YAML is indented by spaces alone"),
            None => Diagnostic::new(NOT_YAML, place, message),
        }
    }

    /// Returns the rest of the word at an offset, so that a caret has something to stand under.
    fn word_at(&self, offset: usize) -> Span {
        let mut start = offset.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let rest = &self.text[start..];
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        Span::new(start, start + length)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use proptest::prelude::*;

    fn outline(node: &Node, text: &str, out: &mut String) {
        let at = &text[node.span.start..node.span.end];
        match &node.kind {
            Kind::Scalar { text, .. } => out.push_str(&format!("{text}<{at}>")),
            Kind::List(items) => {
                out.push('[');
                for item in items {
                    outline(item, text, out);
                    out.push(' ');
                }
                out.push(']');
            }
            Kind::Map(pairs) => {
                out.push('{');
                for pair in pairs {
                    out.push_str(&pair.key);
                    out.push('=');
                    outline(&pair.value, text, out);
                    out.push(' ');
                }
                out.push('}');
            }
        }
    }

    fn check(text: &str, expected: &str) {
        let (node, diagnostics) = read(text);
        let mut out = String::new();
        if let Some(node) = node {
            outline(&node, text, &mut out);
        }
        for diagnostic in diagnostics {
            let at = &text[diagnostic.span.start..diagnostic.span.end];
            out.push_str(&format!("{}<{at}>", diagnostic.code));
        }
        assert_eq!(out, expected, "{text}");
    }

    #[test]
    fn every_node_knows_its_place() {
        check("a: 1\nb: \">= 5\"\n", "{a=1<1> b=>= 5<\">= 5\"> }");
        check("a: {b: [x, y]}\n", "{a={b=[x<x> y<y> ] } }");
        check("é: ü # c\n", "{é=ü<ü> }");
        check("a: &x v\nb: *x\n", "{a=v<v> b=v<v> }");
        check("a: |\n  two\n  lines\nb: 1\n", "{a=two\nlines\n<two\n  lines\n> b=1<1> }");
    }

    #[test]
    fn what_is_no_honest_file_is_a_diagnostic() {
        check("", "S102<>");
        check("a: 1\na: 2\n", "{a=1<1> }S103<a>");
        check("a: 1\n---\nb: 2\n", "S102<--->");
        check("a: [1\nb: 2\n", "S100<:>");
        check("a: &a [*a]\n", "S101<*a>");
        check("? [a]\n: b\n", "S100<[a]>");
        check("a: b\n\tc: d\n", "S100<\t>");
    }

    #[test]
    fn bombs_are_refused_without_going_off() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = level - 1;
            let row = vec![format!("*a{below}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        assert_eq!(read(&bomb).1[0].code, "S101");
        let deep = "[".repeat(100_000);
        assert!(read(&deep).0.is_none());
        assert!(read(&"- ".repeat(100_000)).0.is_none());
        let large = "# nothing\n".repeat(1_000_000);
        assert_eq!(read(&large).1[0].code, "S101");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a-c:{}\\[\\]&*#!|>\"' \n\té0-9,?%@]{0,200}") {
            let (node, diagnostics) = read(&text);
            prop_assert!(node.is_some() || !diagnostics.is_empty());
            for diagnostic in diagnostics {
                prop_assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some());
            }
        }
    }

    #[test]
    fn null_is_nothing() {
        let (node, _) = read("a:\nb: ~\nc: ''\n");
        let Kind::Map(pairs) = node.unwrap().kind else { unreachable!("a map was written") };
        let nulls: Vec<bool> = pairs.iter().map(|pair| pair.value.is_null()).collect();
        assert_eq!(nulls, [true, true, false]);
    }
}
