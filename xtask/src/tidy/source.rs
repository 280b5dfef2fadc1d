//! Rust text as the checks want it: code without comments and strings, and where tests are.

use crate::tree::File;

/// One line of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from one.
    pub(crate) number: usize,
    /// The text with comments and the insides of strings blanked.
    pub(crate) code: String,
    /// Whether it belongs to tests.
    pub(crate) test: bool,
}

/// The files that are Rust, with their lines.
pub(crate) fn rust(files: &[File]) -> impl Iterator<Item = (&File, Vec<Line>)> {
    files.iter().filter(|f| f.path.ends_with(".rs")).map(|f| (f, lines(&f.path, f.text())))
}

/// Splits a file into lines and marks its tests.
pub(crate) fn lines(path: &str, text: &str) -> Vec<Line> {
    let blank = blank(text);
    let whole =
        path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("/tests.rs");
    let mut lines: Vec<Line> = blank
        .lines()
        .enumerate()
        .map(|(at, code)| Line { number: at + 1, code: code.to_owned(), test: whole })
        .collect();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].code.trim() == "#[cfg(test)]" {
            let end = block_end(&lines, at);
            lines[at..=end].iter_mut().for_each(|l| l.test = true);
            at = end;
        }
        at += 1;
    }
    lines
}

/// The line on which the item that starts at a line ends: its closing brace or its semicolon.
pub(crate) fn block_end(lines: &[Line], start: usize) -> usize {
    let mut depth = 0_i64;
    for (at, line) in lines.iter().enumerate().skip(start) {
        for c in line.code.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => return at,
                '}' => depth -= 1,
                ';' if depth == 0 => return at,
                _ => {}
            }
        }
    }
    lines.len() - 1
}

/// Replaces comments and what strings hold by spaces; line breaks stay.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skip(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where a comment, string or character that starts here ends; `at` where none starts.
fn skip(chars: &[char], at: usize) -> usize {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    let word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], next(1)) {
        ('/', '/') => find(chars, at, |c| c == '\n'),
        ('/', '*') => comment(chars, at),
        ('"', _) => string(chars, at + 1),
        ('r', '"' | '#') if !word => raw(chars, at),
        ('b' | 'c', 'r') if !word && matches!(next(2), '"' | '#') => raw(chars, at + 1),
        ('\'', '\\') => find(chars, at + 3, |c| c == '\'') + 1,
        // A lifetime has no second quote.
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
    .min(chars.len())
}

fn find(chars: &[char], from: usize, wanted: fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&i| wanted(chars[i])).unwrap_or(chars.len())
}

fn comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A raw string from its `r`; `r#name` is a word, not a string.
fn raw(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return at;
    }
    (open + 1..chars.len())
        .find(|&i| {
            chars[i] == '"'
                && chars[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
        })
        .map_or(chars.len(), |i| i + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a \" b") + 1"#, "f(        ) + 1"),
            (r##"r#"x " y"# z"##, "           z"),
            ("r#type", "r#type"),
            ("'{' + b'\\n'", "    + b    "),
            ("&'a str", "&'a str"),
            ("\"open", "     "),
        ] {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn tests_are_marked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\" }\n}\nfn c() {}\n";
        let marks: Vec<bool> = lines("crates/x/src/y.rs", text).iter().map(|l| l.test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
        assert!(lines("crates/x/tests/it/main.rs", text).iter().all(|l| l.test));
        let one = lines("crates/x/src/y.rs", "#[cfg(test)]\nmod tests;\nfn c() {}\n");
        assert_eq!(one.iter().map(|l| l.test).collect::<Vec<_>>(), [true, true, false]);
    }
}
