//! Owns the kinds of tokens and nodes, and the lossless tree they stand in. Knows no meaning.

use crate::diagnostic::Span;

/// What a token or a node is. Tokens come first; nodes follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// Spaces and line breaks.
    Space,
    /// `# …` or `// …` to the end of the line.
    Comment,
    /// A keyword, a function or a label's name.
    Word,
    /// Digits with their unit: `0.995`, `99.5%`, `5m`, `200/s`.
    Number,
    /// `"…"`, with its quotes.
    Text,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `=`
    Equal,
    /// `>=`, `<=`, `>`, `<`
    Compare,
    /// Anything else.
    Unknown,
    /// Nothing: behind the last token.
    End,
    /// Node: the whole file.
    File,
    /// Node: one `SLA(…) … ;`.
    Rule,
    /// Node: one clause of a rule.
    Clause,
    /// Node: what could not be understood.
    Junk,
}

const LAST: u16 = Kind::Junk as u16;

impl Kind {
    /// Tells whether a token is nothing but layout.
    pub fn is_trivia(self) -> bool {
        matches!(self, Kind::Space | Kind::Comment)
    }

    /// What a message calls it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Space => "a space",
            Kind::Comment => "a comment",
            Kind::Word => "a word",
            Kind::Number => "a number",
            Kind::Text => "a text in quotes",
            Kind::Open => "\"(\"",
            Kind::Close => "\")\"",
            Kind::Comma => "\",\"",
            Kind::Semicolon => "\";\"",
            Kind::Equal => "\"=\"",
            Kind::Compare => "a comparison (>=, <=, > or <)",
            Kind::End => "the end of the file",
            Kind::Unknown | Kind::File | Kind::Rule | Kind::Clause | Kind::Junk => "something else",
        }
    }
}

/// The tree's language, as the library wants it named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sla {}

impl rowan::Language for Sla {
    type Kind = Kind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> Kind {
        const KINDS: [Kind; LAST as usize + 1] = [
            Kind::Space,
            Kind::Comment,
            Kind::Word,
            Kind::Number,
            Kind::Text,
            Kind::Open,
            Kind::Close,
            Kind::Comma,
            Kind::Semicolon,
            Kind::Equal,
            Kind::Compare,
            Kind::Unknown,
            Kind::End,
            Kind::File,
            Kind::Rule,
            Kind::Clause,
            Kind::Junk,
        ];
        KINDS[usize::from(raw.0.min(LAST))]
    }

    fn kind_to_raw(kind: Kind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of the tree.
pub type Node = rowan::SyntaxNode<Sla>;
/// A token of the tree.
pub type Leaf = rowan::SyntaxToken<Sla>;

/// Returns where a node or token stands.
pub fn span(range: rowan::TextRange) -> Span {
    Span::new(usize::from(range.start()), usize::from(range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowan::Language as _;

    #[test]
    fn kinds_survive_the_library() {
        for raw in 0..=LAST {
            assert_eq!(Sla::kind_from_raw(rowan::SyntaxKind(raw)) as u16, raw);
        }
    }
}
