//! The page around the parts: head, top line, footer.

use super::escape::{self, t};
use super::{evidence, proof, run, verdict, why};
use crate::format::Options;
use crate::model::{Model, Tone};
use crate::number;

const STYLE: &str = concat!(include_str!("../../palette.css"), include_str!("style.css"));
const GLYPHS: &str = include_str!("glyphs.svg");

pub(super) fn page(model: &Model, options: &Options) -> String {
    let mut word = model.standing.word().to_string();
    word[..1].make_ascii_uppercase();
    let title = format!("{word}: {}, run {} · Squall", model.experiment, model.run);
    [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_string(),
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n".into(),
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
            .into(),
        format!(
            "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
            escape::text(&title)
        ),
        GLYPHS.into(),
        "<div class=\"wrap\">\n".into(),
        top(model),
        "<main>\n".into(),
        verdict::hero(model),
        why::section(model),
        evidence::section(model),
        proof::section(model),
        run::section(model),
        "</main>\n".into(),
        footer(model, options),
        "</div>\n</body>\n</html>\n".into(),
    ]
    .concat()
}

fn top(model: &Model) -> String {
    let labels = match model.labels_text() {
        labels if labels.is_empty() => String::new(),
        labels => format!(" · <span{}>{}</span>", escape::lang(&labels), escape::text(&labels)),
    };
    format!(
        "<header class=\"topline\"><span class=\"word\"><svg aria-hidden=\"true\"><use href=\"#g-mark\"/></svg>Squall</span>\
         <span class=\"meta\"><b{lang}>{name}</b> · {run} {id}{labels} · {at}</span>\
         <span class=\"ctl\"><span class=\"seg\" role=\"radiogroup\" aria-label=\"Language\">\
         <input type=\"radio\" name=\"l\" id=\"l-en\" checked><label for=\"l-en\">EN</label>\
         <input type=\"radio\" name=\"l\" id=\"l-zh\"><label for=\"l-zh\" lang=\"zh\">中文</label></span>\
         <span class=\"seg\" role=\"radiogroup\" aria-label=\"Theme\">\
         <input type=\"radio\" name=\"th\" id=\"th-a\" checked><label for=\"th-a\">{auto}</label>\
         <input type=\"radio\" name=\"th\" id=\"th-l\"><label for=\"th-l\">{light}</label>\
         <input type=\"radio\" name=\"th\" id=\"th-d\"><label for=\"th-d\">{dark}</label></span></span></header>\n",
        lang = escape::lang(&model.experiment),
        name = escape::text(&model.experiment),
        run = t("run", "运行"),
        id = escape::text(&model.run),
        at = number::utc(model.started_unix_ms),
        auto = t("Auto", "自动"),
        light = t("Light", "浅色"),
        dark = t("Dark", "深色"),
    )
}

fn footer(model: &Model, options: &Options) -> String {
    let record = options.record.as_ref().map_or(String::new(), |path| {
        format!("<span>{} <code>{}</code></span>", t("Record", "记录"), escape::text(path))
    });
    format!(
        "<footer><span>{} · {}</span>{record}</footer>\n",
        escape::text(&match model.squall.starts_with("squall") {
            true => model.squall.clone(),
            false => format!("squall {}", model.squall),
        }),
        escape::text(&model.exit_text()),
    )
}

/// A glyph; the word beside it says the same.
pub(super) fn glyph(name: &str) -> String {
    format!("<svg class=\"g\" aria-hidden=\"true\"><use href=\"#g-{name}\"/></svg>")
}

/// The class suffix and glyph of a tone.
pub(super) fn look(tone: Tone) -> &'static str {
    match tone {
        Tone::Held => "held",
        Tone::Refuted => "refuted",
        Tone::Aborted => "aborted",
        Tone::Inconclusive => "inconclusive",
        Tone::Invalid => "invalid",
        Tone::Act => "act",
        Tone::Inject => "inject",
        Tone::Plain => "plain",
    }
}

/// The verdict's word in both languages.
pub(super) fn word(word: &str) -> String {
    let zh = match word {
        "held" => "成立",
        "refuted" => "不成立",
        "aborted" => "已中止",
        "inconclusive" => "证据不足",
        "undecided" => "未定",
        "invalid" => "无效",
        "not restored" => "未还原",
        "interrupted" => "已中断",
        other => other,
    };
    let mut en = word.to_string();
    if let Some(first) = en.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    t(&en, zh)
}
