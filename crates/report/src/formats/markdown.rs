//! Markdown for a comment on a pull request: the verdict first, the table, how it ended.

use crate::format::{Format, Options};
use crate::model::{Model, Row};
use crate::style::Style;

/// This format.
pub const FORMAT: Format =
    Format { name: "markdown", extension: "md", media_type: "text/markdown", render };

fn render(model: &Model, options: &Options) -> String {
    let style = Style { color: false, ascii: options.ascii };
    let text = |s: &str| escape(&style.plain(s));
    let mut word = model.standing.word().to_string();
    word[..1].make_ascii_uppercase();
    let glyph = style.glyph(model.standing.tone());
    let mut out = vec![format!("### {glyph} {word}: {}", text(&model.sentence)), String::new()];
    for action in &model.actions {
        let shown = if action.command { code(&action.text) } else { text(&action.text) };
        out.push(format!("- **{}**: {shown}", action.label));
    }
    if !model.actions.is_empty() {
        out.push(String::new());
    }
    out.push(format!("**{}**, run {}", text(&model.experiment), code(&model.run)));
    if !model.hypothesis.is_empty() {
        out.push(format!("\n> {}", text(&model.hypothesis)));
    }
    if !model.rows.is_empty() {
        out.push(
            "\n| | indicator | bound | baseline | worst | during the fault, 99 % | n | E |".into(),
        );
        out.push("|---|---|---|--:|--:|---|--:|--:|".into());
        out.extend(model.rows.iter().map(|row| table_row(row, style)));
    }
    out.push(String::new());
    for end in &model.ends {
        out.push(format!("- {} **{}** {}", style.glyph(end.tone), end.label, text(&end.text)));
    }
    let causes = model.causes.iter().map(|c| {
        let label = if c.rung.is_some() { "cause" } else { "effect" };
        format!("- **{label}** {}", text(&c.text()))
    });
    out.extend(causes);
    out.extend(model.effects.iter().map(|e| format!("- **toggled** {}", text(e))));
    out.extend(model.time_outs.iter().map(|t| format!("- **time-out** {}", text(t))));
    out.extend(model.controls.iter().map(|c| format!("- **control** {}", text(c))));
    out.extend(model.budget.iter().map(|b| format!("- **budget** {}", text(b))));
    out.extend(model.burnt.iter().map(|b| format!("- **burnt** {}", text(b))));
    out.extend(model.advice.iter().map(|a| format!("- **try** {}", text(a))));
    out.extend(model.warnings.iter().map(|w| format!("- **warning** {}", text(w))));
    if let Some(report) = &options.report {
        out.push(format!("- **report** {}", code(report)));
    }
    out.push(format!("\n{}", text(&model.exit_text())));
    out.push(String::new());
    out.join("\n")
}

fn table_row(row: &Row, style: Style) -> String {
    let during = row.during.text();
    let n = row.n_text();
    let e = row.e_text();
    let cells = [&row.name, &row.bound, &row.baseline, &row.worst, &during, &n, &e];
    let cells: Vec<String> = cells.iter().map(|cell| escape(&style.plain(cell))).collect();
    format!("| {} | {} |", style.glyph(row.tone()), cells.join(" | "))
}

/// Text that cannot become markup, a link or a mention.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            // A word joiner keeps a name from paging the person who bears it.
            '@' => out.push_str("@\u{2060}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A code span that holds whatever the text holds.
fn code(text: &str) -> String {
    let text = crate::width::one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.contains('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}
