//! Draws diagnostics with the lines they are about; the library that draws stays in here.

use crate::context::{Context, Output};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use squall_spec::diagnostic::{Diagnostic, Level as Weight, LineIndex};
use std::fmt::Write as _;

/// The widest line drawn; longer ones are cut by the library.
const WIDTH: usize = 100;

/// Prints all diagnostics of a file to stderr, and in JSON to stdout where that was asked for.
pub(crate) fn print(context: &Context, path: &str, text: &str, all: &[Diagnostic]) {
    if context.output == Output::Json {
        context.json(&as_json(path, text, all));
    }
    draw(context, path, text, all);
}

/// Draws all diagnostics of a file on stderr, and a blank line after them.
pub(crate) fn draw(context: &Context, path: &str, text: &str, all: &[Diagnostic]) {
    let drawn = render(path, text, all, context.color_stderr());
    if !drawn.is_empty() {
        context.note(drawn.trim_end_matches('\n'));
        context.note("");
    }
}

/// The counts in words, for example `4 errors, 1 warning`.
pub(crate) fn count(all: &[Diagnostic]) -> String {
    let errors = all.iter().filter(|d| d.is_error()).count();
    let warnings = all.len() - errors;
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, w) => plural(w, "warning"),
        (e, 0) => plural(e, "error"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    }
}

/// For example `4 errors, 1 warning in rules.sla`.
pub(crate) fn count_in(name: &str, all: &[Diagnostic]) -> String {
    format!("{} in {name}", count(all))
}

/// The diagnostics as data, with line and column from 1.
pub(crate) fn as_json(path: &str, text: &str, all: &[Diagnostic]) -> serde_json::Value {
    let lines = LineIndex::new(text);
    let place = |span: squall_spec::diagnostic::Span| {
        serde_json::json!({
            "start": lines.position(span.start), "end": lines.position(span.end),
            "bytes": [span.start, span.end],
        })
    };
    let list: Vec<_> = all
        .iter()
        .map(|d| {
            serde_json::json!({
                "code": d.code, "level": d.level.word(), "message": d.message, "at": place(d.span),
                "label": d.label, "help": d.help, "note": d.note,
                "others": d.others.iter()
                    .map(|(span, label)| serde_json::json!({"at": place(*span), "label": label}))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::json!({"file": path, "diagnostics": list})
}

/// Draws all diagnostics, a blank line between two.
pub(crate) fn render(path: &str, text: &str, all: &[Diagnostic], color: bool) -> String {
    let lines = LineIndex::new(text);
    let mut out = String::new();
    for diagnostic in all {
        // The first line is ours: editors and CI parse `file:line:column: level[code]: message`.
        let first = diagnostic.first_line(&lines);
        let tag = format!("{}[{}]", diagnostic.level.word(), diagnostic.code);
        let style = match diagnostic.level {
            Weight::Error => AnsiColor::Red.on_default().bold(),
            Weight::Warning => AnsiColor::Yellow.on_default().bold(),
        };
        let _ = writeln!(out, "{path}:{}", first.replacen(&tag, &paint(&tag, style, color), 1));
        out.push_str(&body(text, diagnostic, color));
        out.push('\n');
    }
    out
}

fn paint(text: &str, style: Style, color: bool) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

fn body(text: &str, diagnostic: &Diagnostic, color: bool) -> String {
    let mut out = String::new();
    if diagnostic.span.is_written() {
        let clamp = |n: usize| {
            let mut n = n.min(text.len());
            while !text.is_char_boundary(n) {
                n -= 1;
            }
            n
        };
        let range = |span: squall_spec::diagnostic::Span| clamp(span.start)..clamp(span.end);
        let primary = AnnotationKind::Primary.span(range(diagnostic.span));
        let mut snippet =
            Snippet::source(text).annotation(primary.label(diagnostic.label.as_str()));
        for (span, label) in &diagnostic.others {
            let context = AnnotationKind::Context.span(range(*span));
            snippet = snippet.annotation(context.label(label.as_str()));
        }
        let level = match diagnostic.level {
            Weight::Error => Level::ERROR,
            Weight::Warning => Level::WARNING,
        };
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let report = [level.primary_title("").element(snippet)];
        let drawn = renderer.term_width(WIDTH).render(&report).to_string();
        // The library's own title line is dropped: ours stands above it.
        let picture = drawn.lines().skip_while(|line| !line.contains('|'));
        for line in picture {
            let _ = writeln!(out, "{line}");
        }
    }
    for (word, said) in [("help", &diagnostic.help), ("note", &diagnostic.note)] {
        if let Some(said) = said {
            let word = paint(&format!("{word}:"), AnsiColor::Cyan.on_default(), color);
            let _ = writeln!(out, "   = {word} {said}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_spec::diagnostic::{Code, Span};

    #[test]
    fn a_diagnostic_shows_its_line_and_what_to_do() {
        let text = "spec:\n  instnaces: 1\n";
        let diagnostic =
            Diagnostic::new(Code::error("S104"), Span::new(8, 17), "unknown key \"instnaces\"")
                .label("did you mean \"instances\"?")
                .note("keys here are service, instances");
        let drawn = render("a.yaml", text, &[diagnostic], false);
        let expected = "a.yaml:2:3: error[S104]: unknown key \"instnaces\"\n  \
             |\n2 |   instnaces: 1\n  |   ^^^^^^^^^ did you mean \"instances\"?\n   \
             = note: keys here are service, instances\n\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn colors_repeat_the_words_and_lose_none() {
        let diagnostic = Diagnostic::new(Code::error("S107"), Span::new(8, 9), "1 has no unit")
            .label("seconds?")
            .help("1s");
        let all = [diagnostic];
        let plain = render("a.yaml", "  hold: 1\n", &all, false);
        let colored = render("a.yaml", "  hold: 1\n", &all, true);
        let mut bare = String::new();
        let mut pieces = colored.split("\x1b[");
        bare.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            bare.push_str(piece.split_once('m').map_or("", |(_, text)| text));
        }
        let lines = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&bare), lines(&plain));
        assert!(colored.contains("\x1b[1m\x1b[31merror[S107]"), "{colored:?}");
    }

    #[test]
    fn counts_are_words() {
        let error = Diagnostic::new(Code::error("S1"), Span::NONE, "x");
        let warning = Diagnostic::new(Code::warning("S2"), Span::NONE, "x");
        assert_eq!(count(&[error.clone(), error, warning]), "2 errors, 1 warning");
    }
}
