//! How late a packet is: a distribution around a mean, with a correlation from one to the next.
//! Time and randomness are arguments.

use std::time::Duration;

/// The shape of a jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything between mean − jitter and mean + jitter, equally often.
    Uniform,
    /// A bell; the jitter is its standard deviation. Cut off at no delay and at four of them.
    Normal,
    /// Mostly a little early and sometimes very late; the jitter is its standard deviation. Cut
    /// off at ten of them.
    Pareto,
}

/// The most standard deviations above the mean that a shape gives.
pub(crate) const NORMAL_MOST: f64 = 4.0;
/// As [`NORMAL_MOST`], for a heavy tail.
pub(crate) const PARETO_MOST: f64 = 10.0;

/// Draws delays, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Lateness {
    mean_ns: f64,
    jitter_ns: f64,
    shape: Shape,
    correlation: f64,
    /// The normal number behind the last delay.
    last: f64,
    state: u64,
}

impl Lateness {
    pub(crate) fn new(
        mean: Duration,
        jitter: Duration,
        shape: Shape,
        correlation: f64,
        seed: u64,
    ) -> Lateness {
        let (mean_ns, jitter_ns) = (mean.as_nanos() as f64, jitter.as_nanos() as f64);
        let mut new = Lateness { mean_ns, jitter_ns, shape, correlation, last: 0.0, state: seed };
        new.last = new.normal();
        new
    }

    /// The next delay. A chain of normal numbers carries the correlation; each is then bent into
    /// the shape by its rank, so that the shape is the same whatever the correlation.
    pub(crate) fn next_ns(&mut self) -> u64 {
        if self.jitter_ns == 0.0 {
            return self.mean_ns as u64;
        }
        let fresh = (1.0 - self.correlation * self.correlation).sqrt() * self.normal();
        self.last = self.correlation * self.last + fresh;
        let deviations = match self.shape {
            Shape::Uniform => 2.0 * rank(self.last) - 1.0,
            Shape::Normal => self.last.clamp(-NORMAL_MOST, NORMAL_MOST),
            Shape::Pareto => pareto(rank(self.last)).min(PARETO_MOST),
        };
        (self.mean_ns + self.jitter_ns * deviations).max(0.0) as u64
    }

    /// Box and Muller's normal number.
    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Above 0 and at most 1 (splitmix64).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// The share of a normal distribution below this many deviations (Abramowitz and Stegun 26.2.17,
/// off by less than 1e-7).
fn rank(deviations: f64) -> f64 {
    const TERMS: [f64; 5] =
        [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * deviations.abs());
    let tail = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = tail * (-deviations * deviations / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if deviations < 0.0 { above } else { 1.0 - above }
}

/// The Pareto distribution of shape 3, moved and scaled to mean 0 and deviation 1.
fn pareto(rank: f64) -> f64 {
    const MEAN: f64 = 1.5;
    const VARIANCE: f64 = 0.75;
    ((1.0 - rank).max(1e-12).powf(-1.0 / 3.0) - MEAN) / VARIANCE.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and deviation in microseconds, and the correlation of each with the next.
    fn drawn(shape: Shape, correlation: f64) -> (f64, f64, f64) {
        let (mean, jitter) = (Duration::from_millis(50), Duration::from_millis(10));
        let mut lateness = Lateness::new(mean, jitter, shape, correlation, 7);
        let all: Vec<f64> = (0..100_000).map(|_| lateness.next_ns() as f64 / 1e3).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let pairs = all.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
        (mean, variance.sqrt(), pairs.sum::<f64>() / all.len() as f64 / variance)
    }

    #[test]
    fn each_shape_has_the_mean_and_the_deviation_asked_for_whatever_the_correlation() {
        for correlation in [0.0, 0.5, 0.9] {
            // The bend by rank keeps most of the correlation for the bell and the even one.
            // The tail of Pareto's is cut off, and what is left of it is rare.
            for (shape, deviation, off, least) in [
                (Shape::Uniform, 10_000.0 / 3f64.sqrt(), 0.08, 0.95),
                (Shape::Normal, 10_000.0, 0.08, 0.98),
                (Shape::Pareto, 9_000.0, 0.15, 0.6),
            ] {
                let (mean, spread, correlated) = drawn(shape, correlation);
                let what = format!("{shape:?} {correlation}: {mean} {spread} {correlated}");
                assert!((mean - 50_000.0).abs() < 500.0, "{what}");
                assert!((spread / deviation - 1.0).abs() < off, "{what}");
                assert!(correlated >= correlation * least - 0.02, "{what}");
                assert!(correlated <= correlation + 0.02, "{what}");
            }
        }
    }

    #[test]
    fn without_jitter_every_delay_is_the_mean_and_none_is_negative() {
        let ms = Duration::from_millis(1);
        let mut exact = Lateness::new(ms, Duration::ZERO, Shape::Normal, 0.5, 1);
        assert!((0..10).all(|_| exact.next_ns() == 1_000_000));
        let mut wide = Lateness::new(ms, ms * 3, Shape::Normal, 0.0, 1);
        assert!((0..10_000).all(|_| wide.next_ns() <= 13_000_000));
    }

    #[test]
    fn ranks_are_those_of_the_tables() {
        for (deviations, share) in [(0.0, 0.5), (1.0, 0.841_345), (-1.96, 0.024_998)] {
            assert!((rank(deviations) - share).abs() < 1e-5, "{deviations}");
        }
    }
}
