//! Owns places as editors count them: lines from 0, columns in UTF-16 units.

use lsp_types::{Position, Range};
use squall_spec::Span;

/// A text with its lines.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The byte at a place; a column behind the line's end is its end.
    pub(super) fn offset(&self, at: Position) -> usize {
        let line = usize::try_from(at.line).unwrap_or(usize::MAX);
        let Some(&start) = self.starts.get(line) else { return self.text.len() };
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let mut units = 0;
        for (byte, c) in self.text[start..end].char_indices() {
            if units >= at.character {
                return start + byte;
            }
            units += c.len_utf16() as u32;
        }
        end
    }

    /// The place of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let before = &self.text[self.starts[line]..offset];
        let units: usize = before.chars().map(char::len_utf16).sum();
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position::new(small(line), small(units))
    }

    /// The places of a span's ends.
    pub(super) fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_utf16_units_and_go_both_ways() {
        let lines = Lines::new("SLA(\"下𝄞单\")\r\nx\n");
        let check = |offset, line, column| {
            assert_eq!(lines.position(offset), Position::new(line, column), "{offset}");
            assert_eq!(lines.offset(Position::new(line, column)), offset, "{line}:{column}");
        };
        check(0, 0, 0);
        check(5, 0, 5);
        check(8, 0, 6); // behind 下, three bytes and one unit
        check(12, 0, 8); // behind the clef, four bytes and two units
        check(15, 0, 9);
        check(19, 1, 0);
        check(20, 1, 1);
        check(21, 2, 0);
        assert_eq!(lines.offset(Position::new(1, 99)), 20);
        assert_eq!(lines.offset(Position::new(99, 0)), 21);
    }
}
