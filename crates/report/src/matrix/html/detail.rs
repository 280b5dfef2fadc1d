//! The evidence of one cell, in the order of every surface: word, why, chart, numbers, cause, runs.

use super::{glyph, look, named, plot};
use crate::formats::html::escape::{lang, prose, t, text};
use crate::matrix::{facts, fault_name, main_value, rule_name, ruled_by, standing, tag_text};
use crate::number;
use squall_wire::matrix::{Cause, Cell, Matrix, Row, Run, Tag, Word};

pub(super) fn detail(matrix: &Matrix, at: usize, column: usize) -> String {
    let row = &matrix.rows[at];
    let cell = &row.cells[column];
    let fault = &matrix.columns[column];
    let class = if cell.word == Word::Held { "" } else { " look" };
    let mut out = format!("<section class=\"detail{class}\" id=\"d{at}-{column}\">\n<div>");
    let target = match fault.target.as_str() {
        "" => String::new(),
        target => format!(" → {}", text(target)),
    };
    let service = match row.service.as_str() {
        "" => String::new(),
        service => format!("{} × ", text(service)),
    };
    out.push_str(&format!(
        "<h2{}>{}</h2><p class=\"x\">{service}<b class=\"c-inject\">{}</b>{target}</p>",
        lang(&row.rule),
        text(&rule_name(row)),
        text(&fault.fault)
    ));
    let Some(run) = cell.runs.get(cell.shown) else {
        return format!("{out}</div></section>\n");
    };
    let word = look(cell.word);
    out.push_str(&format!(
        "<p class=\"vd\"><span class=\"tag t-{word}\">{}{}</span><span class=\"c-big c-{word}\">{}</span>\
         <span class=\"dim\">{}</span></p><p class=\"why\">{}</p>",
        glyph(cell.word),
        named(cell.word),
        text(&main_value(row, run)),
        text(&row.bound),
        prose(&run.reason)
    ));
    out.push_str(&plot::plot(matrix, row, run));
    out.push_str("</div>\n");
    out.push_str(&numbers(matrix, row, cell, run));
    out.push_str(&run.cause.as_ref().map_or_else(String::new, |cause| causes(matrix, cause)));
    out.push_str(&runs(matrix, row, cell));
    out.push_str(&format!(
        "<div><h3>{}</h3><p class=\"why\">{}</p>",
        t("Rule", "规则"),
        prose(&row.sentence)
    ));
    if let Some(query) = &row.query {
        out.push_str(&format!("<p><code>{}</code></p>", text(query)));
    }
    out.push_str("</div>\n</section>\n");
    out
}

fn numbers(matrix: &Matrix, row: &Row, cell: &Cell, run: &Run) -> String {
    let zh = |name: &str| match name {
        "interval" => "区间",
        "before" => "基线",
        "worst sample" => "最差样本",
        "own window" => "规则窗口",
        "E-value" => "E 值",
        "samples" => "样本",
        "breaker" => "熔断器",
        "budget" => "预算",
        _ => "权重",
    };
    let mut rows: Vec<(&str, String)> = facts(matrix, row, run);
    rows.extend(standing(matrix, cell).map(|text| ("weight", text)));
    // A number stays on one line with what it is the number of.
    let whole = |said: &str| said.replace(" = ", "\u{a0}=\u{a0}");
    let line = |(name, said): &(&str, String)| {
        format!("<dt>{}</dt><dd>{}</dd>", t(name, zh(name)), prose(&whole(said)))
    };
    let lines: String = rows.iter().map(line).collect();
    format!("<div><dl class=\"kv\">{lines}</dl></div>\n")
}

fn causes(matrix: &Matrix, cause: &Cause) -> String {
    let one = |tag: &Tag, soft: bool| {
        let (name, said) = tag_text(matrix, tag);
        let level = "ABCDE".find(tag.rung.as_str()).map_or(0, |at| at + 1);
        let said = if soft { ruled_by(tag).to_owned() } else { said };
        let steps: String = match soft {
            true => String::new(),
            false => tag
                .steps
                .iter()
                .map(|s| format!("<span class=\"dim\">{}</span>", prose(s)))
                .collect(),
        };
        let name = match soft {
            true => format!("<span class=\"soft\">{}</span>", text(&name)),
            false => format!("<b class=\"c-inject\">{}</b>", text(&name)),
        };
        format!(
            "<li><span class=\"rg r{}\" aria-hidden=\"true\"><i></i><i></i><i></i><i></i><i></i></span>\
             <span>{name}<span class=\"dim\">{}</span>{steps}</span></li>",
            if soft { 0 } else { level },
            prose(&said)
        )
    };
    let mut items: String = cause.tags.iter().map(|tag| one(tag, false)).collect();
    if cause.tags.is_empty() {
        items = format!("<li><span></span><span>{}</span></li>", prose(&cause.text));
    }
    let ruled_out: String = cause.ruled_out.iter().map(|tag| one(tag, true)).collect();
    let ruled_out = match ruled_out.is_empty() {
        true => ruled_out,
        false => format!(
            "<li><span></span><span class=\"dim\">{}</span></li>{ruled_out}",
            t("ruled out", "已排除")
        ),
    };
    format!(
        "<div><h3>{}</h3><ul class=\"att\">{items}{ruled_out}</ul></div>\n",
        t("Attribution", "归因")
    )
}

fn runs(matrix: &Matrix, row: &Row, cell: &Cell) -> String {
    let one = |run: &Run| {
        let injection = matrix.injections.get(run.injection);
        let at = injection.map_or_else(String::new, |i| number::utc(i.from_unix_ms));
        let said = injection.map_or_else(String::new, |i| match i.said == i.fault {
            true => fault_name(&i.fault, &i.target),
            false => i.said.clone(),
        });
        format!(
            "<li>{}<span>{}<span class=\"vh\">{}</span> <span class=\"dim\">{}</span></span>\
             <span class=\"dim\">{at}</span></li>",
            glyph(run.word),
            text(&main_value(row, run)),
            named(run.word),
            text(&said)
        )
    };
    let list: String = cell.runs.iter().rev().map(one).collect();
    format!("<div><h3>{}</h3><ol class=\"runs\">{list}</ol></div>\n", t("Runs", "运行"))
}
