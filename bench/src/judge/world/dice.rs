//! Owns chance. A draw depends on its place alone (seed, tick, service, purpose), so that a
//! replay without one fault sees the same luck everywhere else.

/// Chance by place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number in 0..1 that belongs to this place.
    pub(crate) fn at(self, purpose: u64, who: usize, tick: usize) -> f64 {
        let place = mix(purpose).wrapping_add(mix(who as u64 + 1)).rotate_left(17);
        unit(mix(self.0 ^ mix(place ^ (tick as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))))
    }

    /// A standard normal number that belongs to this place.
    pub(crate) fn normal(self, purpose: u64, who: usize, tick: usize) -> f64 {
        normal_quantile(self.at(purpose, who, tick))
    }
}

/// Chance in a row.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(seed: u64) -> Stream {
        Stream(mix(seed ^ 0x5157_4C4C))
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        unit(mix(self.0))
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number of `low..=high`.
    pub(crate) fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.unit() * (high - low + 1) as f64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.whole(0, of.len() - 1)]
    }
}

/// The number of bad ones among `n` at chance `p`, the same luck `u` giving more for a higher
/// `p`: what makes replays comparable.
pub(crate) fn bad_of(n: u64, p: f64, u: f64) -> u64 {
    let p = p.clamp(0.0, 1.0);
    let mean = n as f64 * p;
    if mean == 0.0 || n == 0 {
        return 0;
    }
    if mean > 30.0 && n as f64 - mean > 30.0 {
        let deviation = (mean * (1.0 - p)).sqrt();
        let drawn = mean + deviation * normal_quantile(u);
        return drawn.round().clamp(0.0, n as f64) as u64;
    }
    let (mut mass, mut below, mut k) = ((1.0 - p).powf(n as f64), 0.0, 0);
    if mass == 0.0 {
        // Too small for a float: the loop would count up to the mean and give up there.
        return (mean.floor() as u64 + 1).min(n);
    }
    loop {
        below += mass;
        if below >= u || k >= n || (mass < 1e-15 && k as f64 > mean) {
            return k;
        }
        mass *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p).max(1e-12);
        k += 1;
    }
}

/// The share of a normal law below `x`.
pub(crate) fn normal_share(x: f64) -> f64 {
    // Logistic approximation: its error of at most 0.01 does not matter for a made-up system.
    1.0 / (1.0 + (-1.5976 * x - 0.070_56 * x * x * x).exp())
}

fn normal_quantile(u: f64) -> f64 {
    // The inverse of the logistic approximation by three steps of Newton's method.
    let u = u.clamp(1e-9, 1.0 - 1e-9);
    let logit = (u / (1.0 - u)).ln();
    let mut x = logit / 1.702;
    for _ in 0..3 {
        let value = 1.5976 * x + 0.070_56 * x * x * x - logit;
        x -= value / (1.5976 + 0.211_68 * x * x);
    }
    x
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}
