//! Owns texts in quotes: what they say, and where each byte of it stands in the file.

use crate::diagnostic::Span;
use crate::spanned::Spanned;

/// A text without its quotes, in which `\"` has become `"`; other backslashes are kept, for
/// patterns have their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    /// What it says.
    pub(super) text: String,
    /// Where it stands, quotes included.
    pub(super) span: Span,
    /// Where its first byte stands.
    start: usize,
    /// Offsets in the text before each of which one byte of the file is left out.
    dropped: Vec<usize>,
}

impl Decoded {
    /// A text that is written as it is.
    pub(super) fn plain(text: String, span: Span) -> Decoded {
        Decoded { text, span, start: span.start, dropped: Vec::new() }
    }

    /// The place in the file of a range of the text.
    pub(super) fn place(&self, start: usize, end: usize) -> Span {
        let first = self.start + start + self.dropped.partition_point(|&d| d <= start);
        let last = self.start + end + self.dropped.partition_point(|&d| d < end);
        Span::new(first, last.max(first))
    }

    /// The text as a name, in which `\\` is one backslash.
    pub(super) fn name(self) -> Spanned<String> {
        Spanned::new(self.text.replace("\\\\", "\\"), self.span)
    }
}

/// Reads a token of a text; false where its quotes are not closed.
pub(super) fn decode(token: &str, start: usize) -> (Decoded, bool) {
    let first = token.chars().next().unwrap_or('"');
    let closes: &[char] = if first == '"' { &['"'] } else { &['”', '“', '"', '＂'] };
    let inner = &token[first.len_utf8()..];
    let (mut text, mut dropped, mut closed) = (String::with_capacity(inner.len()), vec![], false);
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if closes.contains(&c) {
            closed = true;
            break;
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('"') => {
                dropped.push(text.len());
                text.push('"');
            }
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    let span = Span::new(start, start + token.len());
    (Decoded { text, span, start: start + first.len_utf8(), dropped }, closed)
}

/// Writes a name in quotes, so that it reads back.
pub(super) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes the text of conditions in quotes, so that it reads back.
pub(super) fn quote_raw(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_reads_back_and_knows_its_place() {
        for name in ["a", "", "a\"b", "a\\", "\\\"", "下单", "a\\\\b"] {
            let quoted = quote_name(name);
            let (decoded, closed) = decode(&quoted, 10);
            assert!(closed, "{quoted}");
            assert_eq!(decoded.name().value, name, "{quoted}");
        }
        let (decoded, closed) = decode(r#""a\"b\d""#, 100);
        assert!(closed);
        assert_eq!(decoded.text, "a\"b\\d");
        assert_eq!(decoded.place(0, 1), Span::new(101, 102));
        assert_eq!(decoded.place(2, 3), Span::new(104, 105));
        assert!(!decode("\"abc", 0).1);
        assert!(!decode("\"abc\\\"", 0).1);
    }
}
