//! The block a run ends with on a terminal. The order is fixed: verdict, why, how it ended, proof,
//! cause, cost, next, files. Whoever stops reading after any line has the truth so far.

use crate::format::{Format, Options};
use crate::model::{Model, Row, Standing, Tone};
use crate::style::{Paint, Style};
use crate::width;
use squall_wire::record::Word;

/// This format.
pub const FORMAT: Format =
    Format { name: "text", extension: "txt", media_type: "text/plain; charset=utf-8", render };

/// A terminal that is narrower than this wraps by itself.
const WIDTH_MAX: usize = 100;

/// Column at which the text after a label begins.
const LABEL: usize = 16;

/// Short verdicts are as wide as "refuted", so that sentences of two runs line up.
const WORD_MIN: usize = 7;

/// Differences of the host listed before the rest is left to the page.
const DIFFERENCES_MAX: usize = 5;

/// Least widths of bound, baseline, worst and during, so that blocks of two runs line up.
const COLUMNS_MIN: [usize; 4] = [9, 8, 7, 24];

/// Column at which the numbers of a row begin, at least.
const NUMBERS_MIN: usize = 24;

fn render(model: &Model, options: &Options) -> String {
    let style = Style { color: options.color, ascii: options.ascii };
    let mut out = Vec::new();
    let table = Table::of(model, style);
    headline(model, style, table.width, &mut out);
    if matches!(model.standing, Standing::NotRestored | Standing::Interrupted) {
        for action in &model.actions {
            let paint = if action.command { Paint::Type } else { Paint::Tone(Tone::Plain) };
            let label = if action.command { Paint::Bold } else { Paint::Dim };
            labeled(style, action.label, label, &action.text, paint, &mut out);
        }
    }
    let early = matches!(model.word, Some(Word::Inconclusive | Word::Invalid));
    if early {
        for line in model.advice.iter().flat_map(|a| wrapped(style, a, 2)) {
            out.push(format!("  {line}"));
        }
    }
    if let Some(verdict) = model.second_verdict() {
        labeled(style, "verdict", Paint::Dim, &verdict, Paint::Tone(Tone::Plain), &mut out);
    }
    out.push(String::new());
    if matches!(model.word, Some(Word::Refuted | Word::Aborted)) && !model.lead.is_empty() {
        out.extend(wrapped(style, &model.lead, 2).iter().map(|l| format!("  {l}")));
        out.push(String::new());
    }
    table.write(&mut out);
    if !model.rows.is_empty() {
        out.push(String::new());
    }
    ends(model, style, &mut out);
    lower(model, options, early, &mut out);
    out.push(String::new());
    out.push(style.paint(&style.plain(&model.exit_text()), Paint::Dim));
    out.push(String::new());
    out.join("\n")
}

fn wrapped(style: Style, text: &str, indent: usize) -> Vec<String> {
    width::wrap(&style.plain(text), WIDTH_MAX - indent)
}

fn headline(model: &Model, style: Style, table: usize, out: &mut Vec<String>) {
    let word = model.standing.word().to_uppercase();
    let head = format!("{} {}", style.glyph(model.standing.tone()), width::left(&word, WORD_MIN));
    let name = format!("{}   run {}", style.plain(&model.experiment), style.plain(&model.run));
    let sentence = style.plain(&model.sentence);
    let indent = width::of(&head) + 3;
    let right = table.clamp(indent, WIDTH_MAX);
    let loud = match model.standing {
        Standing::Judged(Word::Invalid) => Paint::Dim,
        standing => Paint::Loud(standing.tone()),
    };
    let mut lines = width::wrap(&sentence, right - indent).into_iter();
    let first = lines.next().unwrap_or_default();
    let rest: Vec<String> = lines.collect();
    let all_red = model.standing == Standing::NotRestored;
    let paint = |text: &str| if all_red { style.paint(text, loud) } else { text.to_string() };
    let named = indent + width::of(&first) + 3 + width::of(&name) <= right && rest.is_empty();
    let head = style.paint(&head, loud);
    let dim = style.paint(&name, Paint::Dim);
    if named {
        let gap = right - indent - width::of(&first) - width::of(&name);
        out.push(format!("{head}   {}{}{dim}", paint(&first), " ".repeat(gap)));
        return;
    }
    out.push(format!("{head}   {}", paint(&first)).trim_end().to_string());
    out.extend(rest.iter().map(|line| format!("{}{}", " ".repeat(indent), paint(line))));
    out.push(format!("  {dim}"));
}

/// A label, then text that goes on below itself.
fn labeled(
    style: Style,
    label: &str,
    label_paint: Paint,
    text: &str,
    paint: Paint,
    out: &mut Vec<String>,
) {
    for (at, line) in wrapped(style, text, LABEL).iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let label = style.paint(&width::left(label, LABEL - 2), label_paint);
        out.push(format!("  {label}{}", style.paint(line, paint)).trim_end().to_string());
    }
}

fn ends(model: &Model, style: Style, out: &mut Vec<String>) {
    for end in &model.ends {
        // A run whose verdict is "aborted" has said so in its first line.
        if end.label == "aborted"
            && model.word == Some(Word::Aborted)
            && model.sentence.contains(&end.text[..end.text.find(':').unwrap_or(0)])
        {
            continue;
        }
        let label = format!("{} {}", style.glyph(end.tone), end.label);
        let label = style.paint(&width::left(&label, LABEL - 2), Paint::Tone(end.tone));
        for (at, line) in wrapped(style, &end.text, LABEL).iter().enumerate() {
            let label = if at == 0 { label.clone() } else { " ".repeat(LABEL - 2) };
            out.push(format!("  {label}{line}"));
        }
    }
}

/// Everything below how it ended.
fn lower(model: &Model, options: &Options, advised: bool, out: &mut Vec<String>) {
    let style = Style { color: options.color, ascii: options.ascii };
    let plain = Paint::Tone(Tone::Plain);
    let mut block = Vec::new();
    for cause in &model.causes {
        let (label, paint) = match cause.rung {
            Some(_) => ("cause", Paint::Tone(Tone::Inject)),
            None => ("effect", plain),
        };
        labeled(style, label, Paint::Dim, &cause.text(), paint, &mut block);
    }
    for effect in &model.effects {
        labeled(style, "toggled", Paint::Dim, effect, plain, &mut block);
    }
    for time_out in &model.time_outs {
        labeled(style, "time-out", Paint::Dim, time_out, plain, &mut block);
    }
    for control in &model.controls {
        labeled(style, "control", Paint::Dim, control, plain, &mut block);
    }
    if let Some(budget) = &model.budget {
        labeled(style, "budget", Paint::Dim, budget, plain, &mut block);
    }
    if let Some(burnt) = &model.burnt {
        labeled(style, "burnt", Paint::Dim, burnt, plain, &mut block);
    }
    for (at, advice) in model.advice.iter().enumerate().filter(|_| !advised) {
        let label = if at == 0 { "try" } else { "" };
        labeled(style, label, Paint::Dim, advice, plain, &mut block);
    }
    for warning in &model.warnings {
        let tone = Paint::Tone(Tone::Inconclusive);
        labeled(style, "warning", tone, warning, plain, &mut block);
    }
    if model.actions.is_empty() {
        let shown = model.differences.iter().take(DIFFERENCES_MAX);
        shown.for_each(|d| labeled(style, "difference", Paint::Dim, d, plain, &mut block));
        if model.differences.len() > DIFFERENCES_MAX {
            let more = format!("and {} more", model.differences.len() - DIFFERENCES_MAX);
            labeled(style, "", Paint::Dim, &more, plain, &mut block);
        }
    }
    let gap = |block: &[String], out: &mut Vec<String>| {
        if !block.is_empty() && out.last().is_some_and(|line| !line.is_empty()) {
            out.push(String::new());
        }
    };
    gap(&block, out);
    out.append(&mut block);
    for (label, path) in [("report", &options.report), ("record", &options.record)] {
        if let Some(path) = path {
            labeled(style, label, Paint::Dim, path, Paint::Type, &mut block);
        }
    }
    gap(&block, out);
    out.append(&mut block);
}

/// The table of indicators, measured before the first line is written.
struct Table<'a> {
    style: Style,
    rows: Vec<(&'a Row, Cells)>,
    columns: [usize; 6],
    numbers: usize,
    /// Its right edge.
    width: usize,
    /// True where names stand on lines of their own because the numbers need the room.
    stacked: bool,
}

/// What one row shows after its name.
struct Cells {
    bound: String,
    baseline: String,
    worst: String,
    during: String,
    n: String,
    e: String,
}

const HEAD: [&str; 6] = ["bound", "baseline", "worst", "during the fault, 99 %", "n", "E"];

impl<'a> Table<'a> {
    fn of(model: &'a Model, style: Style) -> Table<'a> {
        let digits = model.rows.iter().filter(|r| r.during.bar.is_some());
        let digits = digits.map(|r| width::of(&r.during.value)).max().unwrap_or(0);
        let rows: Vec<(&Row, Cells)> =
            model.rows.iter().map(|row| (row, cells(row, style, digits))).collect();
        let mut columns = [0; 6];
        for (at, column) in columns.iter_mut().enumerate() {
            let widths = rows.iter().map(|(_, cells)| width::of(cells.get(at)));
            let least = COLUMNS_MIN.get(at).copied().unwrap_or(width::of(HEAD[at]));
            *column = widths.max().unwrap_or(0).max(least);
        }
        let name = rows.iter().map(|(row, _)| width::of(&style.plain(&row.name))).max();
        let glyph = width::of(style.glyph(Tone::Held));
        let wanted = (2 + glyph + 1 + name.unwrap_or(0) + 3).max(NUMBERS_MIN);
        let rest = columns.iter().sum::<usize>() + GAPS.iter().sum::<usize>();
        let stacked = wanted + rest > WIDTH_MAX;
        let numbers = if stacked { 6 } else { wanted };
        Table { style, rows, columns, numbers, width: numbers + rest, stacked }
    }

    fn write(&self, out: &mut Vec<String>) {
        if self.rows.is_empty() {
            return;
        }
        let head: Vec<String> = (0..6).map(|at| self.cell(at, HEAD[at], None)).collect();
        let head = format!("{}{}", " ".repeat(self.numbers), head.concat());
        out.push(self.style.paint(head.trim_end(), Paint::Dim));
        for (row, cells) in &self.rows {
            let tone = row.tone();
            let glyph = self.style.paint(self.style.glyph(tone), Paint::Tone(tone));
            let glyph_width = width::of(self.style.glyph(tone));
            let name = self.style.plain(&row.name);
            let worst = row.worst_outside.then_some(Paint::Tone(Tone::Refuted));
            let paint = |at| if at == 2 { worst } else { None };
            let numbers: Vec<String> =
                (0..6).map(|at| self.cell(at, cells.get(at), paint(at))).collect();
            let numbers = numbers.concat();
            let numbers = numbers.trim_end();
            if self.stacked {
                out.push(format!("  {glyph} {name}"));
                out.push(format!("{}{numbers}", " ".repeat(self.numbers)));
            } else {
                let name = width::left(&name, self.numbers - 3 - glyph_width);
                out.push(format!("  {glyph} {name}{numbers}"));
            }
        }
    }

    fn cell(&self, at: usize, text: &str, paint: Option<Paint>) -> String {
        let fill = " ".repeat(self.columns[at].saturating_sub(width::of(text)));
        let text = paint.map_or(text.to_string(), |paint| self.style.paint(text, paint));
        let gap = " ".repeat(GAPS[at]);
        // Words stand on the left, numbers on the right.
        if matches!(at, 0 | 3) {
            format!("{gap}{text}{fill}")
        } else {
            format!("{gap}{fill}{text}")
        }
    }
}

/// Spaces before each column.
const GAPS: [usize; 6] = [0, 3, 3, 4, 3, 4];

impl Cells {
    fn get(&self, at: usize) -> &str {
        [&self.bound, &self.baseline, &self.worst, &self.during, &self.n, &self.e][at]
    }
}

fn cells(row: &Row, style: Style, digits: usize) -> Cells {
    let fill = match row.during.bar {
        Some(_) => digits.saturating_sub(width::of(&row.during.value)),
        None => 0,
    };
    // The word behind a share stands once, in the widest column.
    let short = |text: &str| {
        style.plain(text.strip_suffix(row.bad_word.as_str()).unwrap_or(text).trim_end())
    };
    Cells {
        bound: style.plain(&row.bound),
        baseline: short(&row.baseline),
        worst: short(&row.worst),
        during: format!("{}{}", " ".repeat(fill), style.plain(&row.during.text())),
        n: style.plain(&row.n_text()),
        e: style.plain(&row.e_text()),
    }
}
