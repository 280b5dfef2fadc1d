//! Owns the interval of a figure over scenarios: drawn again and again from the scenarios
//! themselves, because episodes of one scenario are not independent.

use super::world::dice::Stream;

/// Draws of the bootstrap.
const DRAWS: usize = 1_000;

/// A share of counted things, by scenario: how many of how many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shares(pub(crate) Vec<(f64, f64)>);

impl Shares {
    pub(crate) fn add(&mut self, part: f64, whole: f64) {
        self.0.push((part, whole));
    }

    pub(crate) fn whole(&self) -> f64 {
        self.0.iter().map(|s| s.1).sum()
    }

    pub(crate) fn value(&self) -> f64 {
        self.0.iter().map(|s| s.0).sum::<f64>() / self.whole().max(1e-9)
    }

    /// The 95 % interval.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let mut stream = Stream::new(self.0.len() as u64);
        let mut drawn: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let (mut part, mut whole) = (0.0, 0.0);
                for _ in 0..self.0.len() {
                    let one = self.0[stream.whole(0, self.0.len() - 1)];
                    part += one.0;
                    whole += one.1;
                }
                part / f64::max(whole, 1e-9)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        (drawn[DRAWS * 25 / 1_000], drawn[DRAWS * 975 / 1_000])
    }

    /// `.88 (.86–.90)`.
    pub(crate) fn text(&self) -> String {
        if self.whole() == 0.0 {
            return "–".into();
        }
        let (low, high) = self.interval();
        let short = |v: f64| format!("{v:.3}").trim_start_matches('0').to_string();
        format!("{} ({}–{})", short(self.value()), short(low), short(high))
    }
}
