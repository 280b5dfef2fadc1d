//! The charts on one clock, and every sample as a table.

use super::escape::{self, t};
use super::scale::Axis;
use super::{chart, lanes};
use crate::model::{Model, Point, Series};
use crate::number;
use std::fmt::Write as _;

/// Rows of the table of samples; a longer run has the rest in its record.
const ROWS_MAX: usize = 2000;

pub(super) fn section(model: &Model) -> String {
    let samples = model.series.first().map_or(0, |s| s.points.len());
    let mut out =
        format!("<section aria-labelledby=\"ev\"><h2 id=\"ev\">{}</h2>\n", t("Evidence", "证据"));
    if samples == 0 {
        let none = t("No sample was taken.", "没有样本。");
        let _ = writeln!(out, "<p class=\"intro\">{none}</p></section>");
        return out;
    }
    let count = number::plural(samples as u64, "sample", "samples");
    let intro = t(
        &format!(
            "{count} on one clock. Each dot is one sample, its shade the 99 % interval of that sample alone."
        ),
        &format!("{samples} 个样本，同一时钟。每点一个样本，阴影为该样本的 99 % 区间。"),
    );
    let _ = write!(out, "<p class=\"intro\">{intro}</p>\n<div class=\"panel charts\">");
    let axis = Axis::of(model);
    out.push_str(&lanes::lanes(model, &axis));
    for (at, series) in model.series.iter().enumerate() {
        out.push_str(&chart::indicator(model, series, &axis, at));
    }
    out.push_str(&chart::evidence(model, &axis));
    out.push_str(&lanes::time_axis(model, &axis));
    out.push_str("</div>\n");
    out.push_str(&table(model, samples));
    out.push_str("</section>\n");
    out
}

fn table(model: &Model, samples: usize) -> String {
    let mut out = format!(
        "<details><summary>{}</summary><div class=\"samples\"><table><thead><tr>\
         <th scope=\"col\">t, s</th><th scope=\"col\">{}</th>",
        t("All samples as a table", "全部样本"),
        t("phase", "阶段"),
    );
    for series in &model.series {
        let name = escape::text(&series.name);
        let lang = escape::lang(&series.name);
        let _ = write!(out, "<th scope=\"col\"{lang}>{name}</th>");
        if counted(series) {
            let bad = if series.bad_word.is_empty() { "bad" } else { series.bad_word.as_str() };
            let _ =
                write!(out, "<th scope=\"col\">n</th><th scope=\"col\">{}</th>", escape::text(bad));
        }
    }
    out.push_str("<th scope=\"col\">E</th></tr></thead>\n<tbody>");
    for at in 0..samples.min(ROWS_MAX) {
        row(model, at, &mut out);
    }
    out.push_str("</tbody></table></div>");
    if samples > ROWS_MAX {
        let (shown, all) = (number::count(ROWS_MAX as u64), number::count(samples as u64));
        let _ =
            write!(out, "<p class=\"dim\">The first {shown} of {all}; all are in the record.</p>");
    }
    out.push_str("</details>\n");
    out
}

fn counted(series: &Series) -> bool {
    series.points.iter().any(|p| p.n.is_some())
}

fn row(model: &Model, at: usize, out: &mut String) {
    let points: Vec<&Point> = model.series.iter().filter_map(|s| s.points.get(at)).collect();
    let Some(first) = points.first() else { return };
    let hot = if points.iter().any(|p| p.anomalous) { " class=\"hot\"" } else { "" };
    let t_s = format!("{:.2}", first.t_s).replace('-', "−");
    let phase = format!("{:?}", first.phase).to_lowercase();
    let _ = write!(out, "<tr{hot}><th scope=\"row\">{t_s}</th><td>{phase}</td>");
    for (point, series) in points.iter().zip(&model.series) {
        let class = match (point.gap, point.anomalous) {
            (true, _) => " class=\"gap\"",
            (_, true) => " class=\"c-refuted\"",
            _ => "",
        };
        let _ = write!(out, "<td{class}>{}</td>", escape::prose(&point.text));
        if counted(series) {
            let n = point.n.map_or("–".into(), number::count);
            let bad = point.bad.clone().unwrap_or_else(|| "–".into());
            let _ = write!(out, "<td>{n}</td><td>{}</td>", escape::text(&bad));
        }
    }
    let e = points.iter().filter_map(|p| p.e).reduce(f64::max);
    let _ = writeln!(out, "<td>{}</td></tr>", e.map_or("–".into(), number::evidence));
}
