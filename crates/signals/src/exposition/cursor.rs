//! Owns reading one line from left to right: blanks, names, quoted text, numbers.

use std::borrow::Cow;

/// What is wrong at the cursor.
pub(crate) type Wrong = String;

/// A place in one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(line: &'t str) -> Self {
        Cursor { rest: line }
    }

    pub(crate) fn rest(self) -> &'t str {
        self.rest
    }

    pub(crate) fn is_at_end(self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    pub(crate) fn peek(self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes this character if it is next.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a name of the old alphabet; colons only where the caller allows them.
    pub(crate) fn name(&mut self, colons: bool) -> Result<&'t str, Wrong> {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        let end = self.rest.find(|c| !inner(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("a name is expected at {}", shown(self.rest)));
        }
        self.rest = rest;
        Ok(name)
    }

    /// Takes text in double quotes with `\\`, `\"` and `\n` escaped.
    pub(crate) fn quoted(&mut self) -> Result<Cow<'t, str>, Wrong> {
        let start = self.rest;
        let Some(body) = start.strip_prefix('"') else {
            return Err(format!("a double quote is expected at {}", shown(start)));
        };
        let mut unescaped: Option<String> = None;
        let mut kept = 0;
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &body[at + 1..];
                    return Ok(match unescaped {
                        None => Cow::Borrowed(&body[..at]),
                        Some(text) => Cow::Owned(text + &body[kept..at]),
                    });
                }
                '\\' => {
                    let Some((next_at, next)) = chars.next() else { break };
                    let text = unescaped.get_or_insert_default();
                    text.push_str(&body[kept..at]);
                    kept = next_at + next.len_utf8();
                    match next {
                        'n' => text.push('\n'),
                        '"' | '\\' => text.push(next),
                        // Unknown escapes stay as they are, as in Prometheus' own parser.
                        other => text.extend(['\\', other]),
                    }
                }
                _ => {}
            }
        }
        Err(format!("the quote that opens at {} is never closed", shown(start)))
    }

    /// Takes everything up to the next blank.
    pub(crate) fn word(&mut self) -> &'t str {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let end = self.rest.as_bytes().iter().position(blank).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes a number as Go prints it.
    pub(crate) fn number(&mut self, what: &str) -> Result<f64, Wrong> {
        /// Whole numbers of so many digits are floats without loss.
        const DIGITS_MAX: usize = 15;
        let word = self.word();
        let bytes = word.as_bytes();
        if (1..=DIGITS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
            let digit = |whole: u64, byte: &u8| whole * 10 + u64::from(byte - b'0');
            return Ok(bytes.iter().fold(0, digit) as f64);
        }
        let number = word.parse().ok().filter(|_| !word.is_empty());
        number.ok_or_else(|| format!("the {what} {} is no number", shown(word)))
    }
}

/// Shortens text for a message.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
