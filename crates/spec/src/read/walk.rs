//! The walk over a tree: maps with known keys, lists, words; what every reader shares.

use super::suggest::closest;
use crate::diagnostic::{Code, Diagnostic, Span, in_file_order};
use crate::experiment::API_VERSION;
use crate::spanned::{Entry, Spanned, SpannedMap};
use crate::units::Duration;
use crate::yaml::{Kind, Node, Pair, TOO_MUCH};

/// A key that means nothing here.
const UNKNOWN_KEY: Code = Code::error("S104");
/// A key that must be there is not.
const MISSING: Code = Code::error("S105");
/// A list where a map should be, and so on.
const WRONG_SHAPE: Code = Code::error("S106");
/// A word that is none of those allowed.
const UNKNOWN_WORD: Code = Code::error("S109");

/// Items of one list or map; a run of a thousand faults would take days.
const ITEMS_MAX: usize = 1000;
/// A person mends a screenful and looks again.
const DIAGNOSTICS_MAX: usize = 100;

/// Collects diagnostics while a tree is read.
pub(super) struct Walk<'t> {
    pub(super) text: &'t str,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Every query and hold that could be read, whatever else is broken around it.
    pub(super) queries: Vec<Spanned<String>>,
    pub(super) holds: Vec<Spanned<Duration>>,
}

/// A map whose keys were checked.
pub(super) struct Fields<'n> {
    pairs: &'n [Pair],
    /// Where to point when something is missing in it.
    at: Span,
    /// Keys that a typing error was taken for; they are not reported as missing too.
    meant: Vec<String>,
}

impl<'n> Fields<'n> {
    /// Returns the pair of a key; a key with nothing behind it counts as not written.
    pub(super) fn pair(&self, key: &str) -> Option<&'n Pair> {
        self.pairs.iter().find(|pair| pair.key == key && !pair.value.is_null())
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// Returns the place that names this map.
    pub(super) fn at(&self) -> Span {
        self.at
    }

    /// Returns whether a typing error was taken for one of these keys.
    pub(super) fn were_meant(&self, keys: &[&str]) -> bool {
        self.meant.iter().any(|meant| keys.contains(&meant.as_str()))
    }

    /// Returns the pairs whose key is one of these.
    pub(super) fn among(&self, keys: &[&str]) -> Vec<&'n Pair> {
        let wanted = |pair: &&Pair| keys.contains(&pair.key.as_str()) && !pair.value.is_null();
        self.pairs.iter().filter(wanted).collect()
    }
}

impl<'t> Walk<'t> {
    pub(super) fn new(text: &'t str, diagnostics: Vec<Diagnostic>) -> Self {
        Self { text, diagnostics, queries: Vec::new(), holds: Vec::new() }
    }

    /// Returns every diagnostic in file order; a file with more mistakes than a person mends at
    /// once is cut off.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut diagnostics = in_file_order(self.diagnostics);
        if diagnostics.len() > DIAGNOSTICS_MAX {
            let more = diagnostics.len() - DIAGNOSTICS_MAX;
            let at = diagnostics[DIAGNOSTICS_MAX].span;
            diagnostics.truncate(DIAGNOSTICS_MAX);
            let message = format!("{more} more mistakes from here on are not shown");
            diagnostics.push(Diagnostic::new(TOO_MUCH, at, message));
        }
        diagnostics
    }

    /// Keeps a diagnostic.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Opens a file's own map; a file of something else is told from one with a mistake.
    pub(super) fn root<'n>(
        &mut self,
        root: &'n Node,
        at: Span,
        kind: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        if let Kind::Map(pairs) = &root.kind {
            if self.is_another_file(pairs, kind) {
                return None;
            }
            return self.fields(root, at, known);
        }
        let help = match self.text.contains("SLA(") {
            true => "rules are checked by squall sla check".to_owned(),
            false => format!("it begins with apiVersion: {API_VERSION} and kind: {kind}"),
        };
        let written = self.text.get(root.span.start..root.span.end).unwrap_or_default();
        let line = written.find('\n').unwrap_or(written.len());
        let place = Span::new(root.span.start, root.span.start + line);
        let message = format!("the file is {}, not a map", root.shape());
        self.report(Diagnostic::new(WRONG_SHAPE, place, message).help(help));
        None
    }

    /// Opens a map and reports the keys it should not have; `at` names it when it is empty.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        at: Span,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let Kind::Map(pairs) = &node.kind else {
            self.wrong_shape(node, at, "a map");
            return None;
        };
        let mut meant = Vec::new();
        let unknown = pairs.iter().filter(|p| !known.contains(&p.key.as_str()));
        for pair in unknown.take(ITEMS_MAX) {
            let message = format!("unknown key \"{}\"", pair.key);
            let mut diagnostic = Diagnostic::new(UNKNOWN_KEY, pair.key_span, message)
                .note(format!("keys here are {}", known.join(", ")));
            if let Some(word) = closest(&pair.key, known.iter().copied()) {
                diagnostic = diagnostic.label(format!("did you mean \"{word}\"?"));
                meant.push(word.to_owned());
            }
            self.report(diagnostic);
        }
        Some(Fields { pairs, at, meant })
    }

    /// Returns the value of a key that must be there.
    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        example: &str,
    ) -> Option<&'n Pair> {
        let pair = fields.pair(key);
        if pair.is_none() && !fields.were_meant(&[key]) {
            // An empty key is pointed at; an absent one at the map that lacks it.
            let empty = fields.pairs.iter().find(|pair| pair.key == key);
            let at = empty.map_or(fields.at, |pair| pair.key_span);
            let diagnostic = Diagnostic::new(MISSING, at, format!("\"{key}\" is missing"));
            self.report(diagnostic.help(example));
        }
        pair
    }

    /// Opens a list; nothing is an empty one.
    pub(super) fn list<'n>(&mut self, pair: &'n Pair) -> &'n [Node] {
        match &pair.value.kind {
            Kind::List(items) => {
                self.at_most(items.len(), pair.key_span);
                &items[..items.len().min(ITEMS_MAX)]
            }
            _ => {
                self.wrong_shape(&pair.value, pair.key_span, "a list");
                &[]
            }
        }
    }

    /// Reads one word or sentence.
    pub(super) fn text(&mut self, node: &Node) -> Option<Spanned<String>> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => {
                Some(Spanned::new(text.clone(), node.span))
            }
            _ => {
                self.wrong_shape(node, node.span, "a single value");
                None
            }
        }
    }

    /// Reads the text of a key that may be absent.
    pub(super) fn optional_text(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
    ) -> Option<Spanned<String>> {
        fields.get(key).and_then(|node| self.text(node))
    }

    /// Reads the text of a key that must be there.
    pub(super) fn required_text(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        example: &str,
    ) -> Option<Spanned<String>> {
        let pair = self.required(fields, key, example)?;
        self.text(&pair.value)
    }

    /// Reads a list of words; one word alone is a list of one.
    pub(super) fn words(&mut self, pair: &Pair) -> Vec<Spanned<String>> {
        if matches!(pair.value.kind, Kind::Scalar { .. }) {
            return self.text(&pair.value).into_iter().collect();
        }
        let items = self.list(pair);
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    /// Reads a map of words to words.
    pub(super) fn map(&mut self, fields: &Fields<'_>, key: &str) -> SpannedMap {
        let Some(pair) = fields.pair(key) else {
            return SpannedMap::default();
        };
        let Kind::Map(pairs) = &pair.value.kind else {
            self.wrong_shape(&pair.value, pair.key_span, "a map");
            return SpannedMap::default();
        };
        self.at_most(pairs.len(), pair.key_span);
        let entries = pairs.iter().take(ITEMS_MAX).filter_map(|entry| {
            let value = self.text(&entry.value)?;
            let key = Spanned::new(entry.key.clone(), entry.key_span);
            Some(Entry { key, value })
        });
        SpannedMap { entries: entries.collect(), span: pair.value.span }
    }

    /// Reads one of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, known: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.text(node)?;
        let found = known.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            self.unknown_word(&text, &known.iter().map(|(word, _)| *word).collect::<Vec<_>>());
        }
        found.map(|&(_, value)| Spanned::new(value, text.span))
    }

    /// Reports a word that is none of the known ones.
    pub(super) fn unknown_word(&mut self, text: &Spanned<String>, known: &[&str]) {
        let message = format!("\"{}\" is not a word known here", text.value);
        let mut diagnostic = Diagnostic::new(UNKNOWN_WORD, text.span, message)
            .help(format!("one of {}", known.join(", ")));
        if let Some(word) = closest(&text.value, known.iter().copied()) {
            diagnostic = diagnostic.label(format!("did you mean \"{word}\"?"));
        }
        self.report(diagnostic);
    }

    /// Reports a value of the wrong shape.
    pub(super) fn wrong_shape(&mut self, node: &Node, at: Span, wanted: &str) {
        // Marking a whole block would bury the message, so a block is named by its key.
        let scalar = matches!(node.kind, Kind::Scalar { .. });
        let place = if scalar && node.span.is_written() {
            node.span
        } else if at.is_written() {
            at
        } else {
            Span::new(node.span.start, node.span.start)
        };
        let message = format!("{wanted} is wanted here, not {}", node.shape());
        self.report(Diagnostic::new(WRONG_SHAPE, place, message));
    }

    /// Returns the place of a part of a scalar, or of the whole where escapes hide the part.
    pub(super) fn part(&self, whole: Span, part: &str) -> Span {
        let written = self.text.get(whole.start..whole.end).unwrap_or("");
        let found = written.find(part).filter(|_| !part.is_empty());
        found.map_or(whole, |at| Span::new(whole.start + at, whole.start + at + part.len()))
    }

    fn at_most(&mut self, count: usize, at: Span) {
        if count > ITEMS_MAX {
            let message = format!("{count} lines here; {ITEMS_MAX} are the most");
            self.report(Diagnostic::new(TOO_MUCH, at, message));
        }
    }
}
