//! Owns what the judge is given: readings, what they are measured against, and the abort rule.

/// Events since the last sample, with the bad ones among them.
///
/// A threshold between two histogram bounds leaves the number of bad events uncertain; then
/// `bad_least` is what surely was bad, and `bad_most` what may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All events.
    pub total: u64,
    /// Bad events, at least.
    pub bad_least: u64,
    /// Bad events, at most.
    pub bad_most: u64,
}

impl Counts {
    /// Returns sound counts: `bad_least <= bad_most <= total`, whatever was given.
    pub fn sound(self) -> Counts {
        let bad_most = self.bad_most.min(self.total);
        Counts { total: self.total, bad_least: self.bad_least.min(bad_most), bad_most }
    }

    /// Returns the sum of two windows.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            total: self.total.saturating_add(other.total),
            bad_least: self.bad_least.saturating_add(other.bad_least),
            bad_most: self.bad_most.saturating_add(other.bad_most),
        }
    }
}

/// One indicator at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The value of this sample alone.
    pub value: Option<f64>,
    /// Its events, where they can be counted.
    pub counts: Option<Counts>,
    /// Why there is no number.
    pub gap: Option<String>,
}

impl Reading {
    /// Returns a reading of a plain number.
    pub fn of(value: f64) -> Reading {
        Reading { value: Some(value), ..Reading::default() }
    }

    /// Returns a reading without a number.
    pub fn missing(why: &str) -> Reading {
        Reading { gap: Some(why.into()), ..Reading::default() }
    }

    /// Tells what kind of data this is; the only place that decides whether there is any.
    pub fn data(&self) -> Data {
        match (self.counts.map(Counts::sound), self.value) {
            (Some(counts), _) if self.gap.is_some() && counts.total > 0 => Data::Partial(counts),
            (_, _) if self.gap.is_some() => Data::Missing,
            (Some(counts), _) if counts.total == 0 => Data::Empty,
            (Some(counts), value) => Data::Counted(counts, value.filter(|v| !v.is_nan())),
            (None, Some(value)) if !value.is_nan() => Data::Value(value),
            (None, _) => Data::Missing,
        }
    }
}

/// What a reading holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Data {
    /// Events, and the value of this sample where there is one.
    Counted(Counts, Option<f64>),
    /// Some events, with others lost, as when a counter was reset: what was bad was bad, and the
    /// rest proves nothing.
    Partial(Counts),
    /// A number without events behind it.
    Value(f64),
    /// The source answered and there were no events: nothing to judge, and nothing hidden.
    Empty,
    /// No answer, no series, stale, NaN: anything may have happened.
    Missing,
}

/// What readings of one indicator are measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicator {
    /// Its name, for messages.
    pub name: String,
    /// The bound in the query's own unit.
    pub bound: f64,
    /// True where values must be at least the bound, false where at most.
    pub at_least: bool,
    /// True where the bound itself is outside (`<`, `>`).
    pub strict: bool,
    /// The share of bad events that is allowed, where events can be counted.
    pub bad_share: Option<f64>,
    /// True where values are shares of the counted events themselves.
    pub is_share: bool,
}

impl Indicator {
    /// Tells whether a value keeps the bound. NaN never does.
    pub fn inside(&self, value: f64) -> bool {
        match (self.at_least, self.strict) {
            (true, false) => value >= self.bound,
            (false, false) => value <= self.bound,
            (true, true) => value > self.bound,
            (false, true) => value < self.bound,
        }
    }
}

/// When a run is ended early.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Anomalous samples in a row that abort.
    pub consecutive: u32,
    /// True for the raw rule: a sample is anomalous where its value is outside the bound.
    pub literal: bool,
    /// The chance of a false abort in the whole window that is accepted.
    pub alpha: f64,
    /// True where the anytime-valid test aborts by itself, too.
    pub evidence_aborts: bool,
    /// Samples planned for the window.
    pub samples: u64,
    /// Correlation of bad events within a sample; 0 where they are independent.
    pub rho: f64,
}
