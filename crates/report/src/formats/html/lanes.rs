//! What all charts of a run share: the lane that names what happened when, and the time axis.

use super::escape::{self, ts};
use super::scale::{Axis, tick_text};
use crate::model::{Model, Tone};
use crate::number;
use squall_wire::record::Phase;
use std::fmt::Write as _;

/// Width of a letter in a lane's name, in pixels.
const LETTER: f64 = 7.0;

/// Widths that names are laid out for, wide and narrow, in pixels.
const WIDE: f64 = 880.0;
const NARROW: f64 = 300.0;

/// Names what happened when, above all charts.
pub(super) fn lanes(model: &Model, axis: &Axis) -> String {
    let mut out = String::from(
        "<div class=\"cg lanes\"><span></span><svg class=\"plot\" height=\"52\" aria-hidden=\"true\">",
    );
    for lane in &model.lanes {
        let (x0, x1) = (axis.x(lane.from_s), axis.x(lane.to_s));
        let class = match lane.phase {
            Phase::Baseline => "base",
            Phase::Holding => "injl",
            _ => "rec",
        };
        let _ = write!(
            out,
            "<line class=\"lane {class}\" x1=\"{x0:.2}%\" x2=\"{:.2}%\" y1=\"44\" y2=\"44\"/>",
            (x1 - 0.3).max(x0 + 0.3),
        );
    }
    names(model, axis, &mut out);
    out.push_str(&flag(model, axis));
    out.push_str("</svg><span></span></div>");
    out
}

/// The fault's name first, the others where they leave it room.
fn names(model: &Model, axis: &Axis, out: &mut String) {
    let fault = model.lanes.iter().find(|lane| lane.phase == Phase::Holding);
    let fault_x = fault.map_or(100.0, |lane| axis.x(lane.from_s));
    let fault_end = |width: f64| {
        fault
            .map_or(0.0, |lane| fault_x + lane.name.chars().count() as f64 * LETTER / width * 100.0)
    };
    let mut name = |class: &str, x: f64, anchor: &str, text: &str| {
        let _ = write!(
            out,
            "<text class=\"lab halo {class}\" x=\"{x:.2}%\" y=\"34\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    for lane in &model.lanes {
        let (x0, x1) = (axis.x(lane.from_s), axis.x(lane.to_s));
        match lane.phase {
            Phase::Holding => {
                let anchor = if x0 > 85.0 { "end" } else { "start" };
                let x = if x0 > 85.0 { 100.0 } else { x0 };
                name("c-inject strong", x, anchor, &escape::text(&lane.name));
            }
            Phase::Baseline => {
                let text = ts("baseline", "基线");
                let room = |width: f64| fault_x - x0 > 9.0 * LETTER / width * 100.0;
                match (room(NARROW), room(WIDE)) {
                    (true, _) => name("", x0, "start", &text),
                    (false, true) => name("wide", x0, "start", &text),
                    _ => {}
                }
            }
            _ => {
                let text = ts("recovery", "恢复");
                let room = |width: f64| 100.0 - fault_end(width) > 9.0 * LETTER / width * 100.0;
                if room(WIDE) && x0 > fault_end(WIDE) && x0 < 85.0 {
                    name("wide", x0, "start", &text);
                } else if room(WIDE) {
                    name("wide", x1.max(fault_end(WIDE) + 10.0), "end", &text);
                }
                if room(NARROW) {
                    name("narrow", 100.0, "end", &text);
                }
            }
        }
    }
}

/// The octagon of an abort and the restore beside it, or the restore alone. The restore is in
/// words: some milliseconds are less than a pixel.
fn flag(model: &Model, axis: &Axis) -> String {
    let restored = model.ends.iter().find(|end| end.label == "restored");
    let restored = restored.map(|end| match (&model.restored_in, end.tone) {
        (Some(took), Tone::Held) => {
            let took = escape::prose(took);
            ("g-restore", ts(&format!("restored in {took}"), &format!("{took} 内还原")))
        }
        _ => ("g-refuted", ts("not restored", "未还原")),
    });
    let mut en_width = 0.0;
    let aborted = model.abort_s.map(|t| {
        let en = format!("aborted {t:.2}\u{a0}s");
        en_width = en.chars().count() as f64 * LETTER;
        (t, "g-aborted", ts(&en, &format!("{t:.2}\u{a0}s 中止")))
    });
    let at = aborted.as_ref().map(|a| a.0).or(model.fault_s.map(|f| f.1));
    let Some(at) = at else { return String::new() };
    let x = axis.x(at);
    // Beyond the middle the words stand to the left of the mark.
    let left = x > 62.0;
    let mut out =
        format!("<svg x=\"{x:.2}%\" y=\"0\" width=\"1\" height=\"52\" overflow=\"visible\">");
    let mut offset = if left { -10.0 } else { 12.0 };
    let anchor = if left { "end" } else { "start" };
    let side = if left { -1.0 } else { 1.0 };
    if let Some((_, glyph, text)) = aborted {
        let _ = write!(
            out,
            "<use href=\"#{glyph}\" x=\"-8\" y=\"1\" width=\"16\" height=\"16\" class=\"c-aborted-f\"/>\
             <text class=\"lab strong c-aborted-f\" x=\"{offset}\" y=\"13\" text-anchor=\"{anchor}\">{text}</text>"
        );
        // Room for the words in bold digits, the same in both languages or less.
        offset += side * (en_width + 14.0);
    }
    if let Some((glyph, text)) = restored {
        let icon = if left { offset - 13.0 } else { offset };
        let class = if glyph == "g-restore" { "c-held-f" } else { "c-refuted-f" };
        let words = offset + side * 18.0;
        let _ = write!(
            out,
            "<g class=\"wide-g\"><use href=\"#{glyph}\" x=\"{icon}\" y=\"2\" width=\"13\" height=\"13\" class=\"{class}\"/>\
             <text class=\"lab strong {class}\" x=\"{words}\" y=\"13\" text-anchor=\"{anchor}\">{text}</text></g>"
        );
    }
    out.push_str("</svg>");
    out
}

/// The time axis with the events of the samples at its ticks.
pub(super) fn time_axis(model: &Model, axis: &Axis) -> String {
    let mut out = String::from(
        "<div class=\"cg axis\"><span></span><svg class=\"plot\" height=\"38\" aria-hidden=\"true\">",
    );
    let points = model.series.first().map_or(&[][..], |s| &s.points);
    let counted = points.iter().any(|p| p.n.is_some());
    let step = axis.step();
    for tick in axis.ticks() {
        let x = axis.x(tick);
        let wide = if (tick / step).round() % 2.0 == 0.0 { "" } else { " wide" };
        let anchor = if x < 2.0 { "start" } else { "middle" };
        let label = tick_text(tick, step);
        let _ = write!(
            out,
            "<line class=\"tickm\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"4\"/>\
             <text class=\"tick{wide}\" x=\"{x:.2}%\" y=\"17\" text-anchor=\"{anchor}\">{label}</text>"
        );
        let near =
            points.iter().min_by(|a, b| (a.t_s - tick).abs().total_cmp(&(b.t_s - tick).abs()));
        let near = near.filter(|p| (p.t_s - tick).abs() * 100.0 < (axis.to_s - axis.from_s) * 3.0);
        if let Some(n) = near.and_then(|p| p.n) {
            let n = number::count(n);
            let _ = write!(
                out,
                "<text class=\"tick{wide}\" x=\"{x:.2}%\" y=\"33\" text-anchor=\"{anchor}\">{n}</text>"
            );
        }
    }
    let from = if model.from_injection {
        ts("s from injection", "距注入的秒数")
    } else {
        ts("s from the start", "距开始的秒数")
    };
    let n = if counted { ts("n of that sample", "该样本的 n") } else { String::new() };
    let _ = write!(
        out,
        "</svg><svg class=\"rax\" height=\"38\" aria-hidden=\"true\"><text class=\"tick\" x=\"0\" y=\"17\">{from}</text>\
         <text class=\"tick\" x=\"0\" y=\"33\">{n}</text></svg></div>"
    );
    out
}
