//! Owns the numbers behind a word.

use super::Opened;

/// What the data showed of one rule under one use of a fault.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// The value over all events while the fault was on, in the row's unit.
    pub value: Option<f64>,
    /// The worst single sample.
    pub worst: Option<f64>,
    /// The value before the fault.
    pub baseline: Option<f64>,
    /// The worst value over the agreement's own window, as a dashboard shows it.
    pub windowed: Option<f64>,
    /// The share of bad events that is allowed, where events are counted.
    pub allowed: Option<f64>,
    /// The share of bad events.
    pub bad_share: Option<f64>,
    /// Its confidence sequence.
    pub interval: Option<(f64, f64)>,
    /// Events while the fault was on.
    pub total: u64,
    /// Bad events among them, at least.
    pub bad: u64,
    /// Bad events above what is allowed.
    pub excess: u64,
    /// Samples with a number.
    pub samples: u32,
    /// Anomalous samples.
    pub strikes: u32,
    /// Samples without a number.
    pub gaps: u32,
    /// The evidence against the bound at its highest.
    pub e: Option<f64>,
    /// The share of the whole error budget that the excess burnt, where one is promised.
    pub budget: Option<f64>,
    /// What the breaker did.
    pub breaker: Option<Opened>,
    /// The samples, from before the fault to after it.
    pub points: Vec<Point>,
}

/// One sample, for a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds from the injection.
    pub t_ms: i64,
    /// The value of this sample's own events; none is a gap.
    pub value: Option<f64>,
    /// Its events.
    pub total: Option<u64>,
    /// Whether it counted as anomalous.
    pub anomalous: bool,
}
