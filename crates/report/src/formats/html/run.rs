//! The run itself: its log, what is known of it, the file as written.

use super::escape::{self, t};
use super::page::look;
use crate::model::Model;

/// Lines of the log; the rest is in the record.
const LOG_MAX: usize = 1000;

pub(super) fn section(model: &Model) -> String {
    format!(
        "<section aria-labelledby=\"run\"><h2 id=\"run\">{}</h2>\n<div class=\"run\">\n\
         <div class=\"panel\">{}{}</div>\n<div class=\"panel\">{}</div>\n</div></section>\n",
        t("The run", "运行过程"),
        log(model),
        facts(model),
        file(model),
    )
}

fn log(model: &Model) -> String {
    let clock = if model.from_injection {
        t("seconds from injection", "距注入的秒数")
    } else {
        t("seconds from the start", "距开始的秒数")
    };
    let mut out = format!(
        "<h3>{} <span class=\"dim\">{clock}</span></h3>\n<ol class=\"log\">",
        t("Log", "日志")
    );
    for entry in model.log.iter().take(LOG_MAX) {
        let time = format!("{:.2}", entry.t_s).replace('-', "−");
        out.push_str(&format!(
            "<li class=\"k-{}\"><span class=\"t\">{time}</span><span class=\"k\">{}</span><span{}>{}</span></li>\n",
            look(entry.tone),
            entry.kind,
            escape::lang(&entry.text),
            escape::prose(&entry.text),
        ));
    }
    out.push_str("</ol>\n");
    if model.log.len() > LOG_MAX {
        out.push_str(&format!(
            "<p class=\"dim\">The first {LOG_MAX} of {}; all are in the record.</p>\n",
            model.log.len()
        ));
    }
    out
}

fn facts(model: &Model) -> String {
    let zh = |label: &str| match label {
        "radius" => "影响范围",
        "spared" => "未触及",
        "mechanism" => "机制",
        "dose" => "剂量",
        "signals" => "信号",
        "samples" => "样本",
        "abort rule" => "中止规则",
        "lease" => "租约",
        "seed" => "随机种子",
        "host" => "主机",
        _ => "版本",
    };
    let facts: String = model
        .facts
        .iter()
        .map(|(label, text)| {
            format!("<dt>{}</dt><dd>{}</dd>", t(label, zh(label)), escape::prose(text))
        })
        .collect();
    format!("<dl class=\"facts\">{facts}</dl>\n")
}

fn file(model: &Model) -> String {
    let lines: Vec<String> = model.file.lines().map(yaml_line).collect();
    format!(
        "<h3>{} <span class=\"dim\"{}>{}</span></h3><pre tabindex=\"0\"{}>{}</pre>",
        t("Experiment", "实验文件"),
        escape::lang(&model.experiment),
        escape::text(&model.experiment),
        escape::lang(&model.file),
        lines.join("\n"),
    )
}

/// A line of the file with its key in color.
fn yaml_line(line: &str) -> String {
    let start = line.len() - line.trim_start_matches([' ', '-']).len();
    let (indent, rest) = line.split_at(start);
    let key = rest.split_once(':').map(|(key, _)| key).unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.is_empty() || !key.chars().all(plain) {
        return escape::text(line);
    }
    let value = escape::text(&rest[key.len() + 1..]);
    format!("{}<span class=\"y\">{}:</span>{value}", escape::text(indent), escape::text(key))
}
