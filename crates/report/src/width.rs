//! Text in columns: how wide a string is on a terminal, padding and wrapping.

/// Columns one character takes: 2 for CJK and other wide characters, 0 for marks and controls.
pub fn of_char(c: char) -> usize {
    match c as u32 {
        0..=0x1f | 0x7f..=0x9f => 0,
        0x300..=0x36f | 0x200b..=0x200f | 0x2060 | 0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0x33ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Columns a string takes.
pub fn of(text: &str) -> usize {
    text.chars().map(of_char).sum()
}

/// The text with spaces after it up to `width` columns; never cut.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(of(text))))
}

/// The text with spaces before it up to `width` columns; never cut.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(of(text))))
}

/// True for marks that change the order in which the text after them is shown.
pub fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line: line breaks, tabs and other controls become spaces, so that nothing
/// from outside can move a terminal's cursor, color it or turn it round.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || reorders(c) { ' ' } else { c }).collect()
}

/// The text broken at spaces into lines of at most `width` columns. A longer word is kept whole,
/// except in text without spaces such as Chinese, which breaks between wide characters.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words(text) {
        let word = word.as_str();
        let need = of(word);
        let gap = usize::from(used > 0);
        let line = lines.last_mut().expect("invariant: lines starts with one entry");
        if used + gap + need <= width {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            used += gap + need;
            continue;
        }
        if word.chars().all(|c| of_char(c) < 2) {
            if used > 0 {
                lines.push(String::new());
            }
            used = need;
            lines.last_mut().expect("invariant: just pushed").push_str(word);
            continue;
        }
        if gap == 1 && used + 1 < width {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used + of_char(c) > width {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("invariant: lines is never empty").push(c);
            used += of_char(c);
        }
    }
    lines
}

/// The words between spaces; a number keeps its unit.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches([',', '.', ';', ':', ')']);
        let unit = matches!(unit, "%" | "µs" | "us" | "ms" | "s" | "min" | "h");
        match words.last_mut() {
            Some(last) if unit && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_string()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(of("订单 ok"), 7);
        assert_eq!(left("订单", 6), "订单  ");
        assert_eq!(right("ab", 4), "  ab");
    }

    #[test]
    fn wraps_at_spaces_and_between_wide_characters() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("uncuttable", 4), ["uncuttable"]);
        assert_eq!(wrap("订单保持成功", 4), ["订单", "保持", "成功"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("after 38 ms, equal", 9), ["after", "38 ms,", "equal"]);
    }

    #[test]
    fn controls_cannot_reach_a_terminal() {
        assert_eq!(one_line("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
