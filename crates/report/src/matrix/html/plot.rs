//! The chart of one run: samples in time, the fault as a band, the bound as a dashed line. Gaps
//! stay gaps.

use crate::matrix::value;
use crate::number;
use squall_wire::matrix::{Matrix, Point, Row, Run};
use std::fmt::Write as _;

const HEIGHT: f64 = 110.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 92.0;
/// The room that a number beside a ring takes.
const LABEL_PERCENT: f64 = 18.0;

struct Scale {
    t_min: f64,
    t_max: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn x(&self, t_ms: i64) -> f64 {
        ((t_ms as f64 - self.t_min) / (self.t_max - self.t_min)).clamp(0.0, 1.0) * 100.0
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        BOTTOM - part.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

pub(super) fn plot(matrix: &Matrix, row: &Row, run: &Run) -> String {
    let injection = matrix.injections.get(run.injection);
    let end = injection.and_then(|i| i.to_unix_ms.map(|to| to - i.from_unix_ms));
    let points = near(&run.points, end);
    let Some(scale) = scale(row, points) else { return String::new() };
    let (from, to) = (scale.x(0), end.map_or(100.0, |end| scale.x(end)));
    let values = points.iter().filter(|p| p.value.is_some()).count();
    let mut out = format!(
        "<svg class=\"plot\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{values} samples, from \
         {} before the fault to {} after its beginning\">\n",
        number::seconds((-scale.t_min / 1e3).max(0.0)),
        number::seconds((scale.t_max / 1e3).max(0.0)),
    );
    let _ = writeln!(
        out,
        "<rect class=\"inj\" x=\"{from:.2}%\" width=\"{:.2}%\" y=\"{TOP}\" height=\"{}\"/>\
         <svg width=\"100%\" height=\"{HEIGHT}\" viewBox=\"0 0 100 {HEIGHT}\" preserveAspectRatio=\"none\">\
         <path class=\"line\" d=\"{}\"/></svg>",
        (to - from).max(0.5),
        BOTTOM - TOP,
        path(points, &scale)
    );
    if let Some(limit) = row.limit {
        let y = scale.y(limit);
        let above = if y < TOP + 14.0 { y + 14.0 } else { y - 5.0 };
        let _ = writeln!(
            out,
            "<line class=\"bound\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"100%\" y=\"{above:.1}\" text-anchor=\"end\" class=\"lab halo\">{}</text>",
            value(row, limit)
        );
    }
    out.push_str(&marks(row, run, &scale));
    let _ = write!(
        out,
        "<text x=\"{from:.2}%\" y=\"{}\" class=\"lab\">0 s</text>\
         <text x=\"100%\" y=\"{}\" text-anchor=\"end\" class=\"lab\">{}</text></svg>",
        HEIGHT - 3.0,
        HEIGHT - 3.0,
        number::seconds(scale.t_max / 1e3)
    );
    out
}

/// The points around the fault: as much before it as it lasted, half a minute at least.
fn near(points: &[Point], end_ms: Option<i64>) -> &[Point] {
    let before = end_ms.unwrap_or(0).max(30_000);
    let from = points.partition_point(|p| p.t_ms < -before);
    let valued = points[from..].iter().position(|p| p.value.is_some()).unwrap_or(0);
    &points[from + valued..]
}

fn scale(row: &Row, points: &[Point]) -> Option<Scale> {
    let values = || points.iter().filter_map(|p| p.value).filter(|v| v.is_finite());
    let all = || values().chain(row.limit.filter(|l| l.is_finite()));
    let (low, high) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
    values().next()?;
    let air = ((high - low) * 0.08).max(high.abs() * 1e-6).max(1e-9);
    let (first, last) = (points.first()?.t_ms, points.last()?.t_ms);
    let (t_min, t_max) = (first.min(0) as f64, last.max(1) as f64);
    Some(Scale { t_min, t_max, low: low - air, high: high + air })
}

fn path(points: &[Point], scale: &Scale) -> String {
    let mut out = String::new();
    let mut drawn = false;
    for point in points {
        let Some(value) = point.value.filter(|v| v.is_finite()) else {
            drawn = false;
            continue;
        };
        let sign = if drawn { 'L' } else { 'M' };
        let _ = write!(out, "{sign}{:.2},{:.2}", scale.x(point.t_ms), scale.y(value));
        drawn = true;
    }
    out
}

/// Anomalous samples as open rings, the worst with its value.
fn marks(row: &Row, run: &Run, scale: &Scale) -> String {
    let mut out = String::new();
    let outside: Vec<(&Point, f64)> =
        run.points.iter().filter(|p| p.anomalous).filter_map(|p| Some((p, p.value?))).collect();
    for (point, value) in &outside {
        let (x, y) = (scale.x(point.t_ms), scale.y(*value));
        let _ = write!(out, "<circle class=\"bad\" cx=\"{x:.2}%\" cy=\"{y:.1}\" r=\"3.4\"/>");
    }
    let far = |v: f64| row.limit.map_or(0.0, |limit| (v - limit).abs());
    let worst = outside.iter().max_by(|a, b| far(a.1).total_cmp(&far(b.1)));
    if let Some((point, worst)) = worst {
        let (x, y) = (scale.x(point.t_ms), scale.y(*worst));
        let (anchor, side) = if x > 50.0 { ("end", -1.0) } else { ("start", 1.0) };
        let beside = |(other, _): &(&Point, f64)| {
            let away = (scale.x(other.t_ms) - x) * side;
            away > 0.0 && away < LABEL_PERCENT
        };
        // Where rings follow each other the number stands inside the curve's bend.
        let (dx, y) = match (outside.iter().any(beside), y > (TOP + BOTTOM) / 2.0) {
            (false, _) => (9.0 * side, (y + 4.0).clamp(TOP, BOTTOM)),
            (true, true) => (0.0, y - 9.0),
            (true, false) => (0.0, y + 18.0),
        };
        let _ = write!(
            out,
            "<text x=\"{x:.2}%\" dx=\"{dx}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"badn halo\">{}</text>",
            value(row, *worst)
        );
    }
    out
}
