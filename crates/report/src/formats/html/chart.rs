//! One chart in SVG. Text, dots and rules stand in pixels and percent; only the line and its
//! shade are in a stretched inner picture, so nothing is distorted at any width.

use super::escape::{self, t, ts};
use super::scale::{Axis, Scale};
use crate::model::{Model, Point, Series};
use crate::number;
use squall_wire::record::{Phase, Unit};
use std::fmt::Write as _;

/// Beyond this many samples dots would touch; only the anomalous ones are drawn.
const DOTS_MAX: usize = 240;

/// Points of a line beyond which neighbors share a pixel: each bucket keeps its extremes.
const PATH_MAX: usize = 4000;

/// Values written beside anomalous samples, besides the worst.
const LABELS_MAX: usize = 5;

/// Width a chart is laid out for when labels must not cover each other, in pixels.
const LAYOUT_WIDTH: f64 = 880.0;

/// One indicator over time.
pub(super) fn indicator(model: &Model, series: &Series, axis: &Axis, at: usize) -> String {
    let height = if at == 0 { 188.0 } else { 150.0 };
    let scale = Scale::of(series, height);
    let row = model.rows.get(at);
    let name = escape::text(&series.name);
    let mut plot = frame(model, axis, &scale, height);
    let kept = thin(&series.points);
    gaps(&mut plot, series, axis, height);
    plot.push_str(&stretched(
        height,
        &[("ci", shade(&kept, axis, &scale)), ("sli", line(&kept, axis, &scale))],
    ));
    let bound_y = scale.y(series.bound);
    let _ = write!(
        plot,
        "<line class=\"bound\" x1=\"0\" x2=\"100%\" y1=\"{bound_y:.1}\" y2=\"{bound_y:.1}\"/>"
    );
    plot.push_str(&marks(model, axis, height));
    plot.push_str(&dots(series, axis, &scale));
    if at == 0 {
        let y = if series.at_least { height - 9.0 } else { 13.0 };
        plot.push_str(&unrun(model, axis, y));
    }
    let bound = escape::prose(&series.bound_text);
    let now = row.map_or(String::new(), |row| {
        let class = if row.worst_outside { "c-refuted" } else { "" };
        let (from, to) = (escape::prose(&row.baseline), escape::prose(&row.worst));
        format!("<span class=\"now\">{from} <i>→</i> <span class=\"{class}\">{to}</span></span>")
    });
    let lang = escape::lang(&series.name);
    let label =
        escape::text(&summary(model, series, row.map(|r| (r.baseline.as_str(), r.worst.as_str()))));
    format!(
        "<figure class=\"chart\"><figcaption><b{lang}>{name}</b><span class=\"unit\">{unit}</span>{now}\
         </figcaption><div class=\"cg\">{yaxis}<svg class=\"plot\" height=\"{height}\" role=\"img\" \
         aria-label=\"{label}\">{plot}</svg><svg class=\"rax\" height=\"{height}\" \
         aria-hidden=\"true\"><text x=\"0\" y=\"{y:.1}\">{word} {bound}</text></svg></div>\
         <p class=\"narrowbound\">{wordh} {bound}</p></figure>",
        unit = unit(series),
        yaxis = y_axis(&scale, height),
        y = bound_y + 4.0,
        word = ts("bound", "界限"),
        wordh = t("bound", "界限"),
    )
}

/// The evidence against the hypothesis over time, on a logarithmic axis.
pub(super) fn evidence(model: &Model, axis: &Axis) -> String {
    let Some(limit) = model.e_limit.filter(|_| !model.evidence.is_empty()) else {
        return String::new();
    };
    let height = 116.0;
    let highest = model.evidence.iter().map(|e| e.1).fold(0.0, f64::max);
    let scale = Scale::evidence(highest, limit, height);
    let mut plot = frame(model, axis, &scale, height);
    let mut path = String::new();
    for (at, (t_s, e)) in model.evidence.iter().enumerate() {
        let pen = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{pen}{:.1},{:.1}", axis.x(*t_s) * 10.0, scale.y(*e));
    }
    plot.push_str(&stretched(height, &[("ev", path)]));
    let y = scale.y(limit);
    let _ =
        write!(plot, "<line class=\"bound\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    plot.push_str(&marks(model, axis, height));
    let peak = model.evidence.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((t_s, e)) = peak.filter(|p| p.1 >= limit) {
        plot.push_str(&ring(axis.x(*t_s), scale.y(*e), &number::evidence(*e), true, ""));
    }
    let limit_text = number::evidence(limit);
    let highest = number::evidence(highest);
    format!(
        "<figure class=\"chart\"><figcaption><b>{title}</b><span class=\"unit\">{unit}</span>\
         <span class=\"now\">{highest}</span></figcaption><div class=\"cg\">{yaxis}\
         <svg class=\"plot\" height=\"{height}\" role=\"img\" aria-label=\"Evidence against the \
         hypothesis over time: at most {highest}, abort at {limit_text}.\">{plot}</svg>\
         <svg class=\"rax\" height=\"{height}\" aria-hidden=\"true\"><text x=\"0\" y=\"{y:.1}\">{abort} ≥ {limit_text}</text></svg>\
         </div><p class=\"narrowbound\">{aborth} ≥ {limit_text}</p></figure>",
        title = t("Evidence against the hypothesis", "反对假设的证据"),
        unit = t("E-value, log scale", "E 值，对数刻度"),
        yaxis = y_axis(&scale, height),
        y = y + 4.0,
        abort = ts("abort", "中止"),
        aborth = t("abort", "中止"),
    )
}

/// The chart in one sentence.
fn summary(model: &Model, series: &Series, ends: Option<(&str, &str)>) -> String {
    let samples = number::plural(series.points.len() as u64, "sample", "samples");
    let values = ends.map_or(String::new(), |(baseline, worst)| {
        format!(": {baseline} in the baseline, {worst} at worst during the fault")
    });
    let abort = model.abort_s.map_or(String::new(), |t| format!(", aborted at {t:.2} s"));
    format!("{} over {samples}{values}, bound {}{abort}.", series.name, series.bound_text)
}

fn unit(series: &Series) -> String {
    if let Some(word) = &series.share_of {
        let word = escape::text(word);
        return t(&format!("share {word}, %"), &format!("{word} 占比，%"));
    }
    match series.unit {
        Unit::Share => t("%", "%"),
        Unit::Seconds => t("seconds", "秒"),
        Unit::Number => String::new(),
    }
}

fn y_axis(scale: &Scale, height: f64) -> String {
    let mut out = format!("<svg class=\"yax\" height=\"{height}\" aria-hidden=\"true\">");
    for (value, text) in &scale.ticks {
        let y = scale.y(*value) + 4.0;
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"100%\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>"
        );
    }
    out.push_str("</svg>");
    out
}

/// The band of the fault, what of it was planned but not run, and the grid.
fn frame(model: &Model, axis: &Axis, scale: &Scale, height: f64) -> String {
    let mut out = String::new();
    if let Some((from, to)) = model.fault_s {
        let (x0, x1) = (axis.x(from), axis.x(to));
        let _ = write!(
            out,
            "<rect class=\"inj\" x=\"{x0:.2}%\" width=\"{:.2}%\" y=\"0\" height=\"{height}\"/>",
            x1 - x0
        );
        let planned = from + model.planned_end_s;
        if planned > to + 1.0 {
            let x2 = axis.x(planned);
            let _ = write!(
                out,
                "<rect class=\"plan\" x=\"{x1:.2}%\" width=\"{:.2}%\" y=\"0\" height=\"{height}\"/>",
                x2 - x1
            );
            if planned < axis.to_s {
                let _ = write!(
                    out,
                    "<line class=\"planend\" x1=\"{x2:.2}%\" x2=\"{x2:.2}%\" y1=\"0\" y2=\"{height}\"/>"
                );
            }
        }
    }
    for (value, _) in &scale.ticks {
        let y = scale.y(*value);
        let _ =
            write!(out, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
    out
}

/// Names the lighter band: what of the fault was planned but not run.
fn unrun(model: &Model, axis: &Axis, y: f64) -> String {
    let Some((from, to)) = model.fault_s else { return String::new() };
    let planned = from + model.planned_end_s;
    let (x1, x2) = (axis.x(to), axis.x(planned));
    // Less than this and the words would stand outside the band.
    if planned <= to + 1.0 || x2 - x1 < 25.0 {
        return String::new();
    }
    let seconds = number::length((model.planned_end_s * 1e3) as u64).replace(' ', "\u{a0}");
    let words = ts(&format!("planned to {seconds}, not run"), &format!("计划至 {seconds}，未执行"));
    format!(
        "<text class=\"lab halo wide\" x=\"{x2:.2}%\" dx=\"-8\" y=\"{y:.1}\" text-anchor=\"end\">{words}</text>"
    )
}

fn marks(model: &Model, axis: &Axis, height: f64) -> String {
    let Some(t_s) = model.abort_s else { return String::new() };
    let x = axis.x(t_s);
    format!("<line class=\"mark\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"{height}\"/>")
}

fn stretched(height: f64, paths: &[(&str, String)]) -> String {
    let mut out = format!(
        "<svg width=\"100%\" height=\"{height}\" viewBox=\"0 0 1000 {height}\" preserveAspectRatio=\"none\">"
    );
    for (class, path) in paths.iter().filter(|(_, path)| !path.is_empty()) {
        let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    out.push_str("</svg>");
    out
}

/// The points a line is drawn through: all, or the extremes of each bucket where they are many.
fn thin(points: &[Point]) -> Vec<&Point> {
    if points.len() <= PATH_MAX {
        return points.iter().collect();
    }
    let bucket = points.len().div_ceil(PATH_MAX / 2);
    let mut out = Vec::new();
    for chunk in points.chunks(bucket) {
        let values = || chunk.iter().enumerate().filter_map(|(i, p)| Some((i, p.value?)));
        let low = values().min_by(|a, b| a.1.total_cmp(&b.1)).map(|v| v.0);
        let high = values().max_by(|a, b| a.1.total_cmp(&b.1)).map(|v| v.0);
        let gap = chunk.iter().position(|p| p.gap);
        let mut kept: Vec<usize> = [low, high, gap].into_iter().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
        out.extend(kept.into_iter().map(|i| &chunk[i]));
    }
    out
}

fn line(points: &[&Point], axis: &Axis, scale: &Scale) -> String {
    let mut out = String::new();
    let mut joined = false;
    for point in points {
        let Some(value) = point.value else {
            joined = false;
            continue;
        };
        let pen = if joined { 'L' } else { 'M' };
        let _ = write!(out, "{pen}{:.1},{:.1}", axis.x(point.t_s) * 10.0, scale.y(value));
        joined = true;
    }
    out
}

/// The 99 % interval of each sample; a gap ends one shade and begins the next.
fn shade(points: &[&Point], axis: &Axis, scale: &Scale) -> String {
    let mut out = String::new();
    for run in points.split(|p| p.interval.is_none()) {
        if run.is_empty() {
            continue;
        }
        let edge = |point: &&Point, high: bool| {
            let interval = point.interval.unwrap_or_default();
            let value = if high { interval.1 } else { interval.0 };
            format!("{:.1},{:.1}", axis.x(point.t_s) * 10.0, scale.y(value))
        };
        let upper: Vec<String> = run.iter().map(|p| edge(p, true)).collect();
        let lower: Vec<String> = run.iter().rev().map(|p| edge(p, false)).collect();
        let _ = write!(out, "M{}L{}Z", upper.join(" "), lower.join(" "));
    }
    out
}

/// Spans without a number are hatched: not zero, not joined.
fn gaps(out: &mut String, series: &Series, axis: &Axis, height: f64) {
    let points = &series.points;
    let mut at = 0;
    while at < points.len() {
        if !points[at].gap {
            at += 1;
            continue;
        }
        let end = points[at..].iter().position(|p| !p.gap).map_or(points.len(), |n| at + n);
        let from = if at == 0 { points[at].t_s } else { points[at - 1].t_s };
        let to = points.get(end).or(points.last()).map_or(from, |p| p.t_s);
        let (x0, x1) = (axis.x(from), axis.x(to));
        let _ = write!(
            out,
            "<rect class=\"hatch\" x=\"{x0:.2}%\" width=\"{:.2}%\" y=\"0\" height=\"{height}\" \
             fill=\"url(#hatch)\"><title>no data: {}</title></rect>",
            (x1 - x0).max(0.4),
            escape::text(&points[at].text),
        );
        at = end;
    }
}

/// A dot a sample, a ring with its value where it counted as anomalous.
fn dots(series: &Series, axis: &Axis, scale: &Scale) -> String {
    let mut out = String::new();
    let all = series.points.len() <= DOTS_MAX;
    for point in series.points.iter().filter(|p| all && !p.anomalous) {
        let Some(value) = point.value else { continue };
        let _ = write!(
            out,
            "<circle class=\"dot\" cx=\"{:.2}%\" cy=\"{:.1}\" r=\"2\"><title>{}</title></circle>",
            axis.x(point.t_s),
            scale.y(value),
            tooltip(series, point),
        );
    }
    let during = |p: &&Point| p.anomalous && p.phase == Phase::Holding && p.value.is_some();
    let worst = series.points.iter().filter(during).reduce(|a, b| {
        let worse = if series.at_least { b.value < a.value } else { b.value > a.value };
        if worse { b } else { a }
    });
    let mut order: Vec<&Point> = worst.into_iter().collect();
    order.extend(
        series.points.iter().filter(|p| p.anomalous && worst.is_none_or(|w| w.t_s != p.t_s)),
    );
    let mut placed: Vec<(f64, f64)> = Vec::new();
    for point in order {
        let Some(value) = point.value else { continue };
        let (x, y) = (axis.x(point.t_s), scale.y(value));
        let apart = |(px, py): &(f64, f64)| {
            (px - x).abs() / 100.0 * LAYOUT_WIDTH > 76.0 || (py - y).abs() > 16.0
        };
        let labeled = placed.len() <= LABELS_MAX && placed.iter().all(apart);
        let big = placed.is_empty() && worst.is_some();
        let text = if labeled { point.text.as_str() } else { "" };
        if labeled {
            placed.push((x, y));
        }
        out.push_str(&ring(x, y, text, big, &tooltip(series, point)));
    }
    out
}

/// An open ring, its value on the side where there is room.
fn ring(x: f64, y: f64, text: &str, big: bool, title: &str) -> String {
    let mut out = format!("<circle class=\"bad\" cx=\"{x:.2}%\" cy=\"{y:.1}\" r=\"4.5\">");
    if !title.is_empty() {
        let _ = write!(out, "<title>{title}</title>");
    }
    out.push_str("</circle>");
    if !text.is_empty() {
        let (anchor, dx) = if x > 16.0 { ("end", -9) } else { ("start", 9) };
        let class = if big { "val big halo" } else { "val halo" };
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{x:.2}%\" dx=\"{dx}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            y + 5.0,
            escape::prose(text),
        );
    }
    out
}

fn tooltip(series: &Series, point: &Point) -> String {
    let mut text = format!("t = {:.2} s: {}", point.t_s, point.text);
    if let Some(n) = point.n {
        let _ = write!(text, ", n = {}", number::count(n));
    }
    if let (Some(bad), false) = (&point.bad, series.bad_word.is_empty()) {
        let _ = write!(text, ", {} {bad}", series.bad_word);
    }
    escape::text(&text)
}
