//! From seconds and values to places in a chart: percent across, pixels down.

use crate::model::{Model, Series};
use squall_wire::record::Unit;

/// Pixels kept free above and below the values.
const AIR: f64 = 14.0;

/// The time axis that all charts of a run share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Axis {
    pub(super) fn of(model: &Model) -> Axis {
        let points = model.series.iter().flat_map(|s| &s.points).map(|p| p.t_s);
        let lanes = model.lanes.iter().flat_map(|lane| [lane.from_s, lane.to_s]);
        let fault = model.fault_s.iter().flat_map(|(from, to)| [*from, *to]);
        let all: Vec<f64> = points
            .chain(lanes)
            .chain(fault)
            .chain(model.abort_s)
            .filter(|t| t.is_finite())
            .collect();
        let from_s = all.iter().copied().fold(f64::INFINITY, f64::min);
        let to_s = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !(from_s.is_finite() && to_s.is_finite()) {
            return Axis { from_s: 0.0, to_s: 1.0 };
        }
        // Air at the right, so that the last dot is whole.
        let span = (to_s - from_s).max(1.0);
        Axis { from_s, to_s: from_s + span * 1.02 }
    }

    /// Percent from the left.
    pub(super) fn x(&self, t_s: f64) -> f64 {
        ((t_s - self.from_s) / (self.to_s - self.from_s) * 100.0).clamp(0.0, 100.0)
    }

    /// Seconds between two ticks.
    pub(super) fn step(&self) -> f64 {
        step(self.to_s - self.from_s, 7)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let step = self.step();
        ticks(self.from_s, self.to_s - (self.to_s - self.from_s) * 0.02, step)
    }
}

/// The value axis of one chart.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    height: f64,
    log: bool,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// From the data and the bound with air; durations from 0, shares never beyond 0 and 100 %.
    pub(super) fn of(series: &Series, height: f64) -> Scale {
        let (mut low, mut high) = (series.bound, series.bound);
        for point in &series.points {
            let ends = point.interval.map_or([None; 2], |(a, b)| [Some(a), Some(b)]);
            for v in point.value.into_iter().chain(ends.into_iter().flatten()) {
                low = low.min(v);
                high = high.max(v);
            }
        }
        // Beyond this a chart says nothing, and the arithmetic would overflow.
        (low, high) = (low.clamp(-1e15, 1e15), high.clamp(-1e15, 1e15));
        if series.unit == Unit::Share {
            (low, high) = (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0));
        }
        if series.unit == Unit::Seconds {
            low = low.min(0.0);
        }
        let span = (high - low).max(high.abs() * 1e-6).max(1e-9);
        let air = span * 0.04;
        let share = series.unit == Unit::Share;
        let from_zero = series.unit == Unit::Seconds && low == 0.0;
        low = if from_zero || (share && low == 0.0) { low } else { low - air };
        high = if share { (high + air).min(1.0) } else { high + air };
        let factor = if share { 100.0 } else { 1.0 };
        let step = step((high - low) * factor, 5);
        let ticks = ticks(low * factor, high * factor, step);
        let ticks = ticks.into_iter().map(|v| (v / factor, tick_text(v, step))).collect();
        Scale { low, high, height, log: false, ticks }
    }

    /// Evidence, from 0.1 on, in powers of ten.
    pub(super) fn evidence(highest: f64, limit: f64, height: f64) -> Scale {
        let high = highest.max(limit * 3.0).clamp(10.0, 1e15);
        let powers = (-1..=15).map(|p| 10_f64.powi(p)).filter(|v| *v <= high);
        let all: Vec<f64> = powers.collect();
        let every = all.len().div_ceil(4).max(1);
        let ticks = all
            .iter()
            .enumerate()
            .filter(|(at, _)| (all.len() - 1 - at).is_multiple_of(every))
            .map(|(_, v)| (*v, power_text(*v)))
            .collect();
        Scale { low: 0.1, high, height, log: true, ticks }
    }

    /// Pixels from the top.
    pub(super) fn y(&self, value: f64) -> f64 {
        let share = if self.log {
            let value = value.clamp(self.low, self.high);
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            ((value - self.low) / (self.high - self.low)).clamp(-0.05, 1.05)
        };
        AIR + (1.0 - share) * (self.height - 2.0 * AIR)
    }
}

/// A step of 1, 2 or 5 times a power of ten that gives at most `most` steps over a span.
fn step(span: f64, most: usize) -> f64 {
    let least = (span / most as f64).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|f| f * power)
        .find(|s| *s >= least * 0.999)
        .unwrap_or(power * 10.0)
}

fn ticks(low: f64, high: f64, step: f64) -> Vec<f64> {
    if !(step > 0.0 && step.is_finite() && low.is_finite() && high.is_finite()) {
        return Vec::new();
    }
    let first = (low / step - 1e-9).ceil();
    // Steps are chosen for a handful of ticks; the bound only guards against rounding.
    let values = (0..12).map(|i| (first + f64::from(i)) * step);
    values
        .take_while(|v| *v <= high + step * 1e-6)
        .map(|v| if v == 0.0 { 0.0 } else { v })
        .collect()
}

/// A tick's number, with as many digits as steps need to differ.
pub(super) fn tick_text(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    if value.abs() >= 1e6 {
        return format!("{value:.1e}");
    }
    let sign = if value < 0.0 { "−" } else { "" };
    if decimals == 0 {
        return format!("{sign}{}", crate::number::count(value.abs().round() as u64));
    }
    format!("{sign}{:.decimals$}", value.abs())
}

fn power_text(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{v:.0e}"),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{v}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!(step(64.0, 7), 10.0);
        assert_eq!(step(0.4, 5), 0.1);
        assert_eq!(step(38.0, 5), 10.0);
    }

    #[test]
    fn ticks_lie_inside() {
        assert_eq!(ticks(-30.0, 33.0, 10.0), [-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0]);
        assert_eq!(tick_text(-20.0, 10.0), "−20");
        assert_eq!(tick_text(99.9, 0.1), "99.9");
    }

    #[test]
    fn evidence_is_in_powers() {
        let scale = Scale::evidence(412.0, 100.0, 100.0);
        assert!(scale.y(0.4) > scale.y(100.0));
        assert_eq!(
            scale.ticks.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(),
            ["0.1", "1", "10", "100"]
        );
    }
}
