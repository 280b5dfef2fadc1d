//! Owns the cutting of a text into tokens: every byte lands in exactly one of them.

use super::syntax::Kind;
use crate::diagnostic::Span;

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// True where it is written with full-width signs, as Chinese keyboards make them.
    pub(super) wide: bool,
}

impl Token {
    pub(super) fn span(self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::with_capacity(text.len() / 4 + 1);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.chars().next().expect("invariant: the rest is not empty");
        let (kind, len) = next(rest, first);
        let wide = !first.is_ascii() && narrow(first).is_some();
        let (start, end) = (at, at + len);
        at = end;
        match all.last_mut() {
            // A run of rubbish is one token: a file of rubbish must not be a million messages.
            Some(Token { kind: Kind::Unknown, end: last, .. })
                if kind == Kind::Unknown && *last == start =>
            {
                *last = end;
            }
            _ => all.push(Token { kind, start, end, wide }),
        }
    }
    all
}

/// The ASCII sign that a full-width one stands for.
pub(super) fn narrow(c: char) -> Option<&'static str> {
    Some(match c {
        '（' => "(",
        '）' => ")",
        '，' | '、' => ",",
        '；' => ";",
        '＝' => "=",
        '≥' => ">=",
        '≤' => "<=",
        '＞' => ">",
        '＜' => "<",
        '“' | '”' | '＂' => "\"",
        _ => return None,
    })
}

fn next(rest: &str, first: char) -> (Kind, usize) {
    let first_len = first.len_utf8();
    match narrow(first).or_else(|| ascii_sign(first)) {
        Some("(") => return (Kind::Open, first_len),
        Some(")") => return (Kind::Close, first_len),
        Some(",") => return (Kind::Comma, first_len),
        Some(";") => return (Kind::Semicolon, first_len),
        Some("=") => return (Kind::Equal, first_len),
        Some("\"") => return (Kind::Text, text_len(rest, first)),
        Some(">=" | "<=") => return (Kind::Compare, first_len),
        Some(">" | "<") => {
            let equal = usize::from(rest[first_len..].starts_with('='));
            return (Kind::Compare, first_len + equal);
        }
        _ => {}
    }
    let while_ = |f: fn(char) -> bool| rest.find(|c| !f(c)).unwrap_or(rest.len());
    match first {
        c if is_space(c) => (Kind::Space, while_(is_space)),
        '#' => (Kind::Comment, line_len(rest)),
        '/' if rest.starts_with("//") => (Kind::Comment, line_len(rest)),
        c if c.is_ascii_digit() => (Kind::Number, number_len(rest)),
        '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            (Kind::Number, 1 + number_len(&rest[1..]))
        }
        c if c.is_alphabetic() || c == '_' => (Kind::Word, while_(in_word)),
        _ => (Kind::Unknown, first_len),
    }
}

/// Whatever shows as nothing, the mark that some editors put at a file's beginning included.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

fn ascii_sign(c: char) -> Option<&'static str> {
    Some(match c {
        '(' => "(",
        ')' => ")",
        ',' => ",",
        ';' => ";",
        '=' => "=",
        '>' => ">",
        '<' => "<",
        '"' => "\"",
        _ => return None,
    })
}

pub(super) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

fn line_len(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn number_len(rest: &str) -> usize {
    let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '%'));
    let len = len.unwrap_or(rest.len());
    let per = rest[len..].strip_prefix('/').map_or(0, |unit| {
        let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        if letters == 0 { 0 } else { letters + 1 }
    });
    len + per
}

/// The length of a text with its quotes. A backslash takes the next character along; a text that
/// nobody closes ends with its line.
fn text_len(rest: &str, first: char) -> usize {
    let closes: &[char] = if first == '"' { &['"'] } else { &['”', '“', '"', '＂'] };
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => return at,
            '\\' => match chars.next() {
                Some((at, '\n')) => return at,
                Some(_) => {}
                None => return rest.len(),
            },
            c if closes.contains(&c) => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<_> = tokens(text).iter().map(|t| (t.kind, &text[t.start..t.end])).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn numbers_keep_their_units_and_texts_their_quotes() {
        check(">= 0.995", &[(Kind::Compare, ">="), (Kind::Space, " "), (Kind::Number, "0.995")]);
        check("200/s;", &[(Kind::Number, "200/s"), (Kind::Semicolon, ";")]);
        check("-1.5", &[(Kind::Number, "-1.5")]);
        check("5m//x", &[(Kind::Number, "5m"), (Kind::Comment, "//x")]);
        check(r#""a\"b"c"#, &[(Kind::Text, r#""a\"b""#), (Kind::Word, "c")]);
        check("\"open\nnext", &[(Kind::Text, "\"open"), (Kind::Space, "\n"), (Kind::Word, "next")]);
        check("\"a\\", &[(Kind::Text, "\"a\\")]);
    }

    #[test]
    fn chinese_signs_and_names_are_tokens_too() {
        check("下单成功率", &[(Kind::Word, "下单成功率")]);
        check(
            "（“下单”）；",
            &[
                (Kind::Open, "（"),
                (Kind::Text, "“下单”"),
                (Kind::Close, "）"),
                (Kind::Semicolon, "；"),
            ],
        );
        check("≥99%", &[(Kind::Compare, "≥"), (Kind::Number, "99%")]);
        check("@@\u{1}@", &[(Kind::Unknown, "@@\u{1}@")]);
        // The mark that some editors put at a file's beginning.
        check("\u{feff}SLA", &[(Kind::Space, "\u{feff}"), (Kind::Word, "SLA")]);
    }
}
