//! The matrix as one page: no script, nothing from outside, light and dark, narrow and print.
//! Each cell is a radio button, so arrow keys move through them and the evidence follows.

mod detail;
mod plot;

use super::{main_value, rule_name, service_name, size, small};
use crate::formats::html::escape::{lang, t, text};
use crate::number;
use squall_wire::matrix::{Cell, Column, Matrix, Row, Word};

const STYLE: &str = concat!(include_str!("../palette.css"), include_str!("style.css"));
const GLYPHS: &str = include_str!("../formats/html/glyphs.svg");
/// The words in the order of the summary.
const WORDS: [Word; 4] = [Word::Held, Word::Refuted, Word::Inconclusive, Word::Invalid];
/// Cells whose evidence the page holds; beyond, only what is not held, so that it stays readable.
const DETAILS_MAX: usize = 2_000;

pub(super) fn render(matrix: &Matrix, _: bool) -> String {
    let ids: Vec<(usize, usize)> = (0..matrix.rows.len())
        .flat_map(|row| (0..matrix.columns.len()).map(move |column| (row, column)))
        .collect();
    let word = |(row, column): &(usize, usize)| matrix.rows[*row].cells[*column].word;
    let first = ids.iter().find(|id| word(id) == Word::Refuted);
    let first = first.or_else(|| ids.iter().find(|id| word(id) != Word::Held)).or(ids.first());
    let all = ids.len() <= DETAILS_MAX;
    let shown: Vec<(usize, usize)> =
        ids.iter().copied().filter(|id| all || word(id) != Word::Held).collect();
    let follow: String = shown
        .iter()
        .map(|(r, c)| format!(":root:has(#r{r}-{c}:checked) #d{r}-{c}{{display:block}}\n"))
        .collect();
    let details: String = shown.iter().map(|(r, c)| detail::detail(matrix, *r, *c)).collect();
    [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_owned(),
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n".into(),
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
            .into(),
        format!("<title>SLA matrix: {} · Squall</title>\n", text(&matrix.rules)),
        format!("<style>\n{STYLE}{follow}</style>\n</head>\n<body>\n{GLYPHS}"),
        "<main class=\"page\">\n".into(),
        head(matrix),
        sum(matrix),
        "<div class=\"lay\">\n<div>".into(),
        table(matrix, first.copied()),
        key(),
        notes(matrix),
        format!(
            "</div>\n<aside class=\"panel\" aria-label=\"Evidence\">\n{details}</aside>\n</div>\n"
        ),
        footer(matrix),
        "</main>\n</body>\n</html>\n".into(),
    ]
    .concat()
}

pub(super) fn look(word: Word) -> &'static str {
    word.name()
}

pub(super) fn glyph(word: Word) -> String {
    let name = look(word);
    format!("<svg class=\"g c-{name}\" aria-hidden=\"true\"><use href=\"#g-{name}\"/></svg>")
}

pub(super) fn named(word: Word) -> String {
    let (en, zh) = match word {
        Word::Held => ("Held", "成立"),
        Word::Refuted => ("Refuted", "不成立"),
        Word::Inconclusive => ("Inconclusive", "证据不足"),
        Word::Invalid => ("Invalid", "无效"),
    };
    t(en, zh)
}

fn head(matrix: &Matrix) -> String {
    let segment = |name: &str, label: &str, options: [(&str, String); 3]| {
        let one = |(at, (id, word)): (usize, &(&str, String))| {
            let checked = if at == 0 { " checked" } else { "" };
            format!(
                "<input type=\"radio\" name=\"{name}\" id=\"{id}\"{checked}>\
                 <label for=\"{id}\">{word}</label>"
            )
        };
        let options = options.iter().filter(|(id, _)| !id.is_empty()).enumerate();
        let options: String = options.map(|(at, option)| one((at, option))).collect();
        format!("<span class=\"seg\" role=\"radiogroup\" aria-label=\"{label}\">{options}</span>\n")
    };
    let language = segment(
        "l",
        "Language",
        [
            ("l-en", "EN".into()),
            ("l-zh", "<span lang=\"zh\">中文</span>".into()),
            ("", String::new()),
        ],
    );
    let theme = segment(
        "th",
        "Theme",
        [("th-a", t("Auto", "自动")), ("th-l", t("Light", "浅色")), ("th-d", t("Dark", "深色"))],
    );
    format!(
        "<div class=\"top\"><span class=\"word\"><svg aria-hidden=\"true\"><use href=\"#g-mark\"/></svg>\
         Squall</span></div>\n<div class=\"head\"><div><h1>{}</h1><p>{}: {}. {}</p></div>\
         <div>{language}{theme}</div></div>\n",
        t("SLA matrix", "SLA 矩阵"),
        text(&matrix.rules),
        text(&size(matrix)),
        number::utc(matrix.made_unix_ms),
    )
}

fn sum(matrix: &Matrix) -> String {
    let all = matrix.cells().count().max(1) as f64;
    let (mut x, mut bars, mut said, mut chips) = (0.0, String::new(), Vec::new(), String::new());
    for word in WORDS {
        let count = matrix.count(word);
        let width = count as f64 / all * 100.0;
        let name = look(word);
        if count > 0 {
            bars.push_str(&format!(
                "<rect class=\"b-{name}\" x=\"{x:.2}%\" width=\"{width:.2}%\" y=\"0\" height=\"10\"/>"
            ));
        }
        x += width;
        said.push(format!("{count} {name}"));
        chips.push_str(&format!(
            "<label class=\"chip\"><input type=\"checkbox\" id=\"f-{name}\" checked><span>{}{} \
             <b>{count}</b></span></label>",
            glyph(word),
            named(word)
        ));
    }
    format!(
        "<div class=\"sum\"><svg height=\"10\" role=\"img\" aria-label=\"{}\">{bars}</svg>\n\
         <div class=\"chips\" role=\"group\" aria-label=\"Show\">{chips}<span class=\"dim\">{}</span>\
         </div></div>\n",
        said.join(", "),
        t("Inconclusive and invalid never count as held.", "证据不足与无效绝不计为成立。")
    )
}

/// The family of a fault, shown once above its columns.
fn family(fault: &str) -> String {
    match fault.split('.').next().unwrap_or_default() {
        "http" => "HTTP".into(),
        "grpc" => "gRPC".into(),
        "net" => "Network".into(),
        "dns" => "DNS".into(),
        "tls" => "TLS".into(),
        "cpu" => "CPU".into(),
        "process" => "Process".into(),
        "memory" => "Memory".into(),
        "disk" => "Disk".into(),
        other => text(other),
    }
}

fn table(matrix: &Matrix, first: Option<(usize, usize)>) -> String {
    let mut out = format!(
        "<div class=\"panel mx\" tabindex=\"0\" role=\"region\" aria-label=\"Matrix\"><table><thead><tr>\
         <th class=\"corner\" scope=\"col\"><span class=\"vh\">{}</span></th>",
        t("Rule", "规则")
    );
    let mut before = String::new();
    for Column { fault, target } in &matrix.columns {
        let family = family(fault);
        let shown = if family == before { "&nbsp;".to_owned() } else { family.clone() };
        before = family;
        let target =
            if target.is_empty() { "&nbsp;".into() } else { format!("→ {}", text(target)) };
        out.push_str(&format!(
            "<th scope=\"col\"><span class=\"fam\">{shown}</span><b>{}</b><span class=\"tg\">{target}</span></th>",
            text(fault)
        ));
    }
    out.push_str("</tr></thead><tbody>\n");
    let mut service = None;
    for (at, row) in matrix.rows.iter().enumerate() {
        if service != Some(&row.service) {
            service = Some(&row.service);
            out.push_str(&format!(
                "<tr class=\"svc\"><th scope=\"rowgroup\" colspan=\"{}\"{}>{}</th></tr>\n",
                matrix.columns.len() + 1,
                lang(&row.service),
                text(service_name(&row.service))
            ));
        }
        out.push_str(&format!(
            "<tr><th scope=\"row\"><b{}>{}</b><span class=\"bd\">{}</span></th>",
            lang(&row.rule),
            text(&rule_name(row)),
            text(&row.bound)
        ));
        for (column, cell) in row.cells.iter().enumerate() {
            out.push_str(&cell_html(matrix, (at, column), row, cell, first == Some((at, column))));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn cell_html(
    matrix: &Matrix,
    (at, column): (usize, usize),
    row: &Row,
    cell: &Cell,
    checked: bool,
) -> String {
    let run = cell.runs.get(cell.shown);
    let Column { fault, target } = &matrix.columns[column];
    format!(
        "<td class=\"v-{}\"><input type=\"radio\" name=\"cell\" id=\"r{at}-{column}\"{}>\
         <label for=\"r{at}-{column}\">{}<span class=\"fl\">{}</span><span class=\"vh\">{}</span>\
         <span class=\"val\">{}</span><span class=\"sb\">{}</span></label></td>",
        look(cell.word),
        if checked { " checked" } else { "" },
        glyph(cell.word),
        text(&super::fault_name(fault, target)),
        named(cell.word),
        run.map_or_else(|| "–".into(), |run| text(&main_value(row, run))),
        run.map_or_else(String::new, |run| text(&small(matrix, cell, run))),
    )
}

fn key() -> String {
    let rungs = [
        ("A", "coincident", "巧合"),
        ("B", "on the path", "在路径上"),
        ("C", "bit at the target", "目标见效"),
        ("D", "attributed, share of the excess", "已归因，占超出量"),
        ("E", "caused, by randomized toggling", "由其造成，随机开关证明"),
    ];
    let rungs: String = rungs
        .iter()
        .map(|(letter, en, zh)| format!("<span><b>{letter}</b> {}</span>", t(en, zh)))
        .collect();
    format!(
        "<p class=\"key\"><span>{}</span>{rungs}</p>",
        t("How sure is the cause:", "归因等级：")
    )
}

fn notes(matrix: &Matrix) -> String {
    if matrix.notes.is_empty() {
        return String::new();
    }
    let notes: String =
        matrix.notes.iter().map(|note| format!("<li>{}</li>", text(note))).collect();
    format!("<ul class=\"notes\">{notes}</ul>")
}

fn footer(matrix: &Matrix) -> String {
    let sources: String =
        matrix.sources.iter().map(|source| format!("<span>{}</span>", text(source))).collect();
    format!("<footer><span>squall {}</span>{sources}</footer>\n", text(&matrix.squall))
}
