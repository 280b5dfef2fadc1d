//! Proof of restoration: the way from decision to restored, and the host before and after.

use super::escape::{self, t};
use super::page::glyph;
use crate::model::{Category, Fingerprints, Model, Step};
use crate::number;
use std::fmt::Write as _;

/// Facts listed for one side of one category; a fault leaves a few, a reboot leaves thousands.
const FACTS_MAX: usize = 50;

pub(super) fn section(model: &Model) -> String {
    let panels = [steps(model), model.fingerprints.as_ref().map(fingerprints)];
    let panels: Vec<String> = panels.into_iter().flatten().collect();
    if panels.is_empty() {
        return String::new();
    }
    format!(
        "<section aria-labelledby=\"rest\"><h2 id=\"rest\">{}</h2>\n<div class=\"proof\">\n{}</div></section>\n",
        t("Proof of restoration", "还原证明"),
        panels.concat()
    )
}

fn steps(model: &Model) -> Option<String> {
    let end = model.steps.iter().map(|s| s.to_ms).fold(0.0, f64::max);
    // Without a restore there is nothing to prove.
    if model.restored_in.is_none() || model.steps.is_empty() {
        return None;
    }
    let end = end.max(0.001);
    let took = model.restored_in.as_deref().map_or(String::new(), |took| {
        format!("<span class=\"big c-held\">{}</span>", escape::prose(took))
    });
    let row = |step: &Step| {
        let (from, to) = (step.from_ms.max(0.0) / end * 100.0, step.to_ms / end * 100.0);
        let width = (to - from).clamp(0.5, 100.0);
        let from = from.min(100.0 - width);
        format!(
            "<li><span class=\"ms\">{ms}</span><svg height=\"16\" aria-hidden=\"true\">\
             <line class=\"wft\" x1=\"0\" x2=\"100%\" y1=\"8\" y2=\"8\"/>\
             <rect x=\"{from:.2}%\" width=\"{width:.2}%\" y=\"3\" height=\"10\" rx=\"2\"/></svg>\
             <span>{text} <span class=\"dim\">{by}</span></span></li>",
            ms = number::seconds(step.to_ms / 1e3).replace(' ', "\u{a0}"),
            text = escape::prose(&step.text),
            by = escape::text(&step.by),
        )
    };
    let rows: String = model.steps.iter().map(row).collect();
    let title = if model.abort_s.is_some() {
        t("Decision to restored", "从决定到还原")
    } else {
        t("Order to restored", "从指令到还原")
    };
    let note = t(
        "Times of undoing are measured where it was done; the comparison by the host's clock, to 1 ms.",
        "还原时间在执行处测得；比较时间取自主机时钟，精度 1 ms。",
    );
    Some(format!(
        "<div class=\"panel\"><h3>{title}{took}</h3>\n<ol class=\"wf\" aria-label=\"Restoration, step by step\">{rows}</ol>\n\
         <p class=\"note\">{note}</p></div>\n"
    ))
}

fn fingerprints(prints: &Fingerprints) -> String {
    let equal = prints.after_unix_ms.is_some() && prints.equal == prints.of;
    let said = match prints.after_unix_ms {
        None => format!(
            "<span class=\"big c-inconclusive\">{}</span>",
            t("not taken after", "事后未采集")
        ),
        Some(_) if equal => format!(
            "<span class=\"big c-held\">{} {}</span>",
            glyph("equal"),
            t(
                &format!("equal, {} of {}", prints.equal, prints.of),
                &format!("一致，{} / {}", prints.equal, prints.of)
            ),
        ),
        Some(_) => format!(
            "<span class=\"big c-refuted\">{}</span>",
            t(
                &format!("{} of {} differ", prints.of - prints.equal, prints.of),
                &format!("{} / {} 不一致", prints.of - prints.equal, prints.of),
            ),
        ),
    };
    let mut out = format!(
        "<div class=\"panel\"><h3>{}{said}</h3>\n<div class=\"hash\"><span class=\"dim\">{}</span><span>{}</span>",
        t("Host fingerprint", "主机指纹"),
        t("before", "之前"),
        number::utc(prints.before_unix_ms),
    );
    if let Some(after) = prints.after_unix_ms {
        let _ = write!(
            out,
            "<span class=\"dim\">{}</span><span>{}</span>",
            t("after", "之后"),
            number::utc(after)
        );
    }
    out.push_str("</div>\n<ul class=\"fp\">");
    for category in &prints.categories {
        out.push_str(&line(category, prints.after_unix_ms.is_some()));
    }
    out.push_str("</ul>\n");
    for category in prints.categories.iter().filter(|c| !c.gone.is_empty() || !c.new.is_empty()) {
        out.push_str(&differences(category));
    }
    out.push_str("</div>\n");
    out
}

fn line(category: &Category, after: bool) -> String {
    let count = |n: Option<usize>| n.map_or("–".into(), |n| number::count(n as u64));
    let name = escape::text(&category.name);
    if let Some(why) = &category.unread {
        let why = escape::text(why);
        return format!(
            "<li><span>{name}</span><span class=\"v dim\" title=\"{why}\">{}</span></li>",
            t("not read", "未读取")
        );
    }
    let before = count(category.before);
    if !after {
        return format!("<li><span>{name}</span><span class=\"v\">{before}</span></li>");
    }
    let (class, sign) = if category.equal { ("", "=") } else { (" class=\"ne\"", "≠") };
    let after = count(category.after);
    format!(
        "<li{class}><span>{name}</span><span class=\"v\">{before}<i>{sign}</i>{after}</span></li>"
    )
}

fn differences(category: &Category) -> String {
    let side = |facts: &[String], word: String| -> String {
        let mut out: String = facts
            .iter()
            .take(FACTS_MAX)
            .map(|fact| format!("<li>{word} <code>{}</code></li>", escape::text(fact)))
            .collect();
        if facts.len() > FACTS_MAX {
            let _ =
                write!(out, "<li>{} more</li>", number::count((facts.len() - FACTS_MAX) as u64));
        }
        out
    };
    format!(
        "<div class=\"diff\"><b>{}</b><ul>{}{}</ul></div>\n",
        escape::text(&category.name),
        side(&category.gone, t("gone", "消失")),
        side(&category.new, t("new", "新增")),
    )
}
