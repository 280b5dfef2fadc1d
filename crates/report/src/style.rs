//! Glyphs and colors of a terminal. Color repeats what a glyph and a word already say, so that
//! without it nothing is lost.

use crate::model::Tone;
use crate::width;

/// How to write for one terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// True where the 16 ANSI colors may be used.
    pub color: bool,
    /// True where only ASCII may be used.
    pub ascii: bool,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// The thing itself.
    Bold,
    /// What is only there to be complete.
    Dim,
    /// A path, or a name to type.
    Type,
    /// In the color of a tone.
    Tone(Tone),
    /// In the color of a tone, and bold.
    Loud(Tone),
}

impl Style {
    /// The glyph of a tone.
    pub fn glyph(self, tone: Tone) -> &'static str {
        let (glyph, ascii) = match tone {
            Tone::Held => ("✓", "ok"),
            Tone::Refuted => ("✗", "XX"),
            Tone::Aborted => ("■", "[]"),
            Tone::Inconclusive => ("?", "??"),
            Tone::Invalid => ("∅", "--"),
            Tone::Act => ("!", "!!"),
            Tone::Inject | Tone::Plain => (" ", "  "),
        };
        if self.ascii { ascii } else { glyph }
    }

    /// The text on one line, in the characters this terminal has.
    pub fn plain(self, text: &str) -> String {
        let text = width::one_line(text);
        if !self.ascii {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '≥' => out.push_str(">="),
                '≤' => out.push_str("<="),
                '±' => out.push_str("+/-"),
                '→' => out.push_str("->"),
                '−' | '–' => out.push('-'),
                '·' => out.push(','),
                'µ' => out.push('u'),
                '∞' => out.push_str("inf"),
                '█' | '━' | '╺' | '─' | '▁'..='▇' => out.push('#'),
                c if c.is_ascii() => out.push(c),
                _ => out.push('?'),
            }
        }
        out
    }

    /// The text as it is, in color where there is color.
    pub fn paint(self, text: &str, paint: Paint) -> String {
        if !self.color || text.is_empty() {
            return text.to_string();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Type => "36",
            Paint::Tone(tone) => return self.toned(text, "", tone),
            Paint::Loud(tone) => return self.toned(text, "1;", tone),
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn toned(self, text: &str, loud: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Held => "32",
            Tone::Refuted | Tone::Act => "31",
            Tone::Aborted | Tone::Inject => "35",
            Tone::Inconclusive => "33",
            Tone::Invalid => "2",
            Tone::Plain => return text.to_string(),
        };
        format!("\x1b[{loud}{code}m{text}\x1b[0m")
    }
}
