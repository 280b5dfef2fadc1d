//! Text from outside becomes text in a page, and nothing else.

/// Text for an element or a quoted attribute. Controls, and marks that reorder what follows them,
/// are shown as replacements: a page must read as it is written.
pub(crate) fn text(outside: &str) -> String {
    let mut out = String::with_capacity(outside.len());
    for c in outside.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || crate::width::reorders(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A sentence: numbers keep their units beside them.
pub(crate) fn prose(outside: &str) -> String {
    const UNITS: [&str; 8] = ["%", "µs", "ms", "s", "min", "h", "d", "of"];
    let escaped = text(outside);
    let mut out = String::with_capacity(escaped.len());
    for (at, word) in escaped.split(' ').enumerate() {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')', ']']);
        let number = out.ends_with(|c: char| c.is_ascii_digit());
        let sign = out.ends_with(['≥', '≤']) || out.ends_with("&gt;=") || out.ends_with("&lt;=");
        if at > 0 {
            let named = word.starts_with(|c: char| c.is_ascii_digit())
                && (out.ends_with(" n") || out.ends_with(" E") || out.ends_with(" ="));
            let glued = (number && UNITS.contains(&bare)) || sign || named;
            out.push(if glued { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
    }
    out
}

/// A language attribute where the text is Chinese, so that its characters get their own font.
pub(crate) fn lang(outside: &str) -> &'static str {
    let han = |c: char| matches!(c as u32, 0x3400..=0x9fff | 0x20000..=0x3ffff);
    if outside.chars().any(han) { " lang=\"zh\"" } else { "" }
}

/// The same words in both languages; the page shows one of them.
pub(crate) fn t(en: &str, zh: &str) -> String {
    format!("<span class=\"en\">{en}</span><span class=\"zh\" lang=\"zh\">{zh}</span>")
}

/// The same inside an SVG text.
pub(crate) fn ts(en: &str, zh: &str) -> String {
    format!("<tspan class=\"en\">{en}</tspan><tspan class=\"zh\" lang=\"zh\">{zh}</tspan>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(text("<a b='c'>&\u{0}\u{202e}"), "&lt;a b=&#39;c&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }

    #[test]
    fn numbers_keep_their_units() {
        assert_eq!(prose("in 38 ms: equal"), "in 38\u{a0}ms: equal");
        assert_eq!(prose("≥ 99.95 % a"), "≥\u{a0}99.95\u{a0}% a");
    }

    #[test]
    fn chinese_is_marked() {
        assert_eq!(lang("订单"), " lang=\"zh\"");
        assert_eq!(lang("order"), "");
    }
}
