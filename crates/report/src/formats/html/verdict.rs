//! The first screen: the verdict, one sentence with the numbers that matter, how it ended.

use super::escape::{self, t};
use super::page::{glyph, look, word};
use crate::model::{End, Model, Row, Tone};

pub(super) fn hero(model: &Model) -> String {
    let tone = model.standing.tone();
    let look = look(tone);
    let act = if tone == Tone::Act { " must-act" } else { "" };
    let mut out = format!(
        "<div class=\"hero{act}\" role=\"region\" aria-label=\"Verdict\">\n<div class=\"row\">\
         <div class=\"seal t-{look}\">{}</div><div>\n<h1><span class=\"c-{look}\">{}</span>\
         <span class=\"and\"{}>: {}</span></h1>\n",
        glyph(look),
        word(model.standing.word()),
        escape::lang(&model.sentence),
        escape::prose(&model.sentence),
    );
    out.push_str(&actions(model));
    if let Some(verdict) = model.second_verdict() {
        let verdict = escape::prose(&verdict);
        out.push_str(&format!("<p class=\"lead\">{}: {verdict}</p>\n", t("Verdict", "结论")));
    }
    out.push_str(&lead(model));
    if !model.hypothesis.is_empty() {
        out.push_str(&format!(
            "<p class=\"hyp\">{}: <q{}>{}</q></p>\n",
            t("Hypothesis", "假设"),
            escape::lang(&model.hypothesis),
            escape::text(&model.hypothesis),
        ));
    }
    out.push_str("</div></div>\n");
    out.push_str(&chain(model));
    out.push_str("</div>\n");
    out
}

fn actions(model: &Model) -> String {
    let line = |action: &crate::model::Action| {
        let text = escape::text(&action.text);
        let (text, class) = match action.command {
            true => (format!("<code>{text}</code>"), " class=\"now-do\""),
            false => (text, ""),
        };
        format!("<dt{class}>{}</dt><dd{class}>{text}</dd>", action.label)
    };
    let lines: String = model.actions.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("<dl class=\"acts\">{lines}</dl>\n") }
}

/// The fault in words, then from what to what each indicator went.
fn lead(model: &Model) -> String {
    let change = |row: &Row| {
        let class = if row.worst_outside { " class=\"c-refuted\"" } else { "" };
        format!(
            "<span{}>{}</span> <b>{}</b> → <b{class}>{}</b>",
            escape::lang(&row.name),
            escape::text(&row.name),
            escape::prose(&row.baseline),
            escape::prose(&row.worst),
        )
    };
    let changes: Vec<String> = model.rows.iter().filter(|r| r.worst != "–").map(change).collect();
    if changes.is_empty() || model.lead.is_empty() {
        return String::new();
    }
    let (last, first) = changes.split_last().map_or(("", &[][..]), |(l, f)| (l.as_str(), f));
    let and = t(" and ", "，");
    let joined =
        if first.is_empty() { last.into() } else { format!("{}{and}{last}", first.join(", ")) };
    let at_worst = t(" at worst.", "（最差样本）。");
    format!("<p class=\"lead\">{} {joined}{at_worst}</p>\n", escape::prose(&model.lead))
}

fn chain(model: &Model) -> String {
    let cell = |end: &End| {
        let icon = match end.label {
            "restored" | "untouched" if end.tone == Tone::Held => "restore",
            "recovered" if end.tone == Tone::Held => "recover",
            _ => look(end.tone),
        };
        let (head, detail) = &end.short;
        format!(
            "<li class=\"c-{}\">{}<b>{}</b><span class=\"s\">{}</span></li>\n",
            look(end.tone),
            glyph(icon),
            escape::prose(head),
            escape::prose(detail),
        )
    };
    let mut cells: Vec<String> = model.ends.iter().map(cell).collect();
    if let Some(bad) = model.excess_bad {
        let detail = model.budget.as_deref().unwrap_or_default();
        let detail =
            detail.split_once(" above").map_or(detail.into(), |(_, d)| format!("above{d}"));
        cells.push(format!(
            "<li class=\"soft\">{}<b>{}</b><span class=\"s\">{}</span></li>\n",
            glyph("bolt"),
            escape::prose(&crate::number::plural(bad, "bad event", "bad events")),
            escape::prose(&detail),
        ));
    }
    if cells.is_empty() {
        return String::new();
    }
    format!("<ol class=\"chain n{}\">\n{}</ol>\n", cells.len(), cells.concat())
}
