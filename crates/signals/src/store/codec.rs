//! Owns the coding of one series' samples: what a sample differs by from what was expected.
//!
//! A time is expected at the usual step after the last one, a whole number at the usual increase
//! above it. The difference is written as an adaptive Rice code, whose width follows the size of
//! the recent differences: a counter with a steady scrape takes one bit for the time and about as
//! many bits for the value as its noise has. Fractions are written as the bits in which they differ
//! from the value before. Every float comes back bit for bit, NaN and staleness marker included.

use squall_query::{Sample, is_stale_marker};

use super::bits::{Bits, Reader};

/// So many ones say that a plain number follows in place of a code that would be longer.
const ESCAPE_ONES: u32 = 16;
/// The usual step and increase follow the last ones by an eighth, kept as eighths.
const EIGHTH: u32 = 3;
/// The widest code; beyond this differences are written plainly.
const WIDTH_MAX: u32 = 22;
/// One difference counts at most as this many times the usual one: an outlier does not widen codes.
const OUTLIER: u64 = 16;
/// After this many differences older ones count half.
const HALVED_AFTER: u32 = 32;

/// The bits of a plain number's length.
const LENGTH_BITS: u32 = 6;

/// What follows an escaped value.
const WHOLE: u64 = 0;
const LONE: u64 = 1;
const FRACTIONS: u64 = 2;

/// What is expected of the next sample; the same while writing and reading.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coder {
    last_ms: i64,
    step: i64,
    time: Rice,
    /// The last value: a whole number, or a float's bits.
    last: u64,
    slope: i64,
    value: Rice,
    samples: u8,
    fractions: bool,
    lead: u8,
    trail: u8,
}

/// The width of a code that adapts to what it writes.
#[derive(Debug, Clone, Copy, Default)]
struct Rice {
    sum: u32,
    count: u32,
}

impl Rice {
    /// The bits of the mean difference: the least width that makes `count << width` reach `sum`.
    #[inline]
    fn width(self) -> u32 {
        if self.sum <= self.count {
            return 0;
        }
        let length = |n: u32| u32::BITS - n.leading_zeros();
        let least = length(self.sum - 1) - length(self.count);
        let reaches = u64::from(self.sum) <= u64::from(self.count) << least;
        (least + u32::from(!reaches)).min(WIDTH_MAX)
    }

    #[inline]
    fn note(&mut self, miss: i64) {
        let usual = OUTLIER << self.width();
        self.sum += miss.unsigned_abs().min(usual) as u32;
        self.count += 1;
        if self.count >= HALVED_AFTER {
            (self.sum, self.count) = (self.sum / 2, self.count / 2);
        }
    }

    /// Writes a difference; false where it needs an escape, which is written.
    fn put(self, miss: i64, bits: &mut Bits) -> bool {
        let (width, code) = (self.width(), zigzag(miss));
        let ones = code >> width;
        let fits = ones < u64::from(ESCAPE_ONES);
        if fits {
            bits.put((1 << (ones + 1)) - 2, ones as u32 + 1);
            bits.put(code, width);
        } else {
            bits.put((1 << ESCAPE_ONES) - 1, ESCAPE_ONES);
        }
        fits
    }

    /// Reads a difference, or `None` where an escape follows.
    #[inline]
    fn get(self, bits: &mut Reader<'_>) -> Option<i64> {
        let width = self.width();
        let (ones, rest) = bits.ones_and(ESCAPE_ONES, width);
        Some(unzigzag(u64::from(ones) << width | rest?))
    }
}

impl Coder {
    /// Starts with a first sample; its time is kept by the caller.
    pub(super) fn start(sample: Sample, bits: &mut Bits) -> Coder {
        bits.put(sample.v.to_bits(), 64);
        Coder::first(sample)
    }

    fn first(sample: Sample) -> Coder {
        let whole = whole(sample.v);
        Coder {
            last_ms: sample.t_ms,
            last: whole.map_or(sample.v.to_bits(), i64::cast_unsigned),
            fractions: whole.is_none(),
            samples: 1,
            lead: u8::MAX,
            ..Coder::default()
        }
    }

    /// Writes a sample that is later than the last one.
    pub(super) fn put(&mut self, sample: Sample, bits: &mut Bits) {
        let step = sample.t_ms.wrapping_sub(self.last_ms);
        let miss = step.wrapping_sub(self.step >> EIGHTH);
        let fits = self.time.put(miss, bits);
        if !fits {
            put_plain(miss, bits);
        }
        self.stepped(miss, fits);
        if self.fractions {
            self.put_bits(sample.v, bits)
        } else {
            self.put_whole(sample.v, bits)
        }
        self.samples = self.samples.saturating_add(1);
    }

    /// Reads the next sample.
    #[inline]
    pub(super) fn get(&mut self, bits: &mut Reader<'_>) -> Sample {
        match self.time.get(bits) {
            Some(miss) => self.stepped(miss, true),
            None => self.stepped(get_plain(bits), false),
        }
        let v = if self.fractions { self.get_bits(bits) } else { self.get_whole(bits) };
        self.samples = self.samples.saturating_add(1);
        Sample { t_ms: self.last_ms, v }
    }

    fn stepped(&mut self, miss: i64, fits: bool) {
        let step = (self.step >> EIGHTH).wrapping_add(miss);
        self.last_ms = self.last_ms.wrapping_add(step);
        if self.samples > 1 {
            // The first step has nothing that it could miss.
            self.time.note(miss);
        }
        self.step = if fits && self.samples > 1 {
            self.step.wrapping_add(miss)
        } else {
            step.wrapping_shl(EIGHTH)
        };
    }

    fn expected(&self) -> i64 {
        self.last.cast_signed().wrapping_add(self.slope >> EIGHTH)
    }

    fn grew(&mut self, miss: i64, fits: bool) -> i64 {
        let to = self.expected().wrapping_add(miss);
        let growth = to.wrapping_sub(self.last.cast_signed());
        if self.samples > 1 {
            self.value.note(miss);
        }
        if fits && self.samples > 1 {
            self.slope = self.slope.wrapping_add(miss);
        } else if growth >= 0 {
            self.slope = growth.wrapping_shl(EIGHTH);
        }
        // A great fall is a counter's reset: it goes on growing as before.
        self.last = to.cast_unsigned();
        to
    }

    fn put_whole(&mut self, v: f64, bits: &mut Bits) {
        if let Some(whole) = whole(v) {
            let miss = whole.wrapping_sub(self.expected());
            let fits = self.value.put(miss, bits);
            if !fits {
                bits.put(WHOLE, 2);
                put_plain(miss, bits);
            }
            self.grew(miss, fits);
            return;
        }
        bits.put((1 << ESCAPE_ONES) - 1, ESCAPE_ONES);
        let lone = is_stale_marker(v) || !v.is_finite();
        bits.put(if lone { LONE } else { FRACTIONS }, 2);
        bits.put(v.to_bits(), 64);
        if !lone {
            (self.fractions, self.last) = (true, v.to_bits());
        }
    }

    fn get_whole(&mut self, bits: &mut Reader<'_>) -> f64 {
        if let Some(miss) = self.value.get(bits) {
            return self.grew(miss, true) as f64;
        }
        match bits.get(2) {
            WHOLE => self.grew(get_plain(bits), false) as f64,
            LONE => f64::from_bits(bits.get(64)),
            _ => {
                (self.fractions, self.last) = (true, bits.get(64));
                f64::from_bits(self.last)
            }
        }
    }

    fn put_bits(&mut self, v: f64, bits: &mut Bits) {
        let differs = v.to_bits() ^ self.last;
        self.last = v.to_bits();
        if differs == 0 {
            bits.put(0, 1);
            return;
        }
        let (lead, trail) = (differs.leading_zeros().min(31) as u8, differs.trailing_zeros() as u8);
        if self.lead <= lead && self.trail <= trail {
            bits.put(0b10, 2);
        } else {
            bits.put(0b11, 2);
            (self.lead, self.trail) = (lead, trail);
            bits.put(u64::from(lead), 5);
            bits.put(u64::from(trail), 6);
        }
        bits.put(differs >> self.trail, self.differing());
    }

    fn get_bits(&mut self, bits: &mut Reader<'_>) -> f64 {
        if bits.get(1) == 1 {
            if bits.get(1) == 1 {
                (self.lead, self.trail) = (bits.get(5) as u8, bits.get(6) as u8);
            }
            // Bytes that nobody wrote may name a window of no bits; they decode to something.
            let differs = bits.get(self.differing()) << (self.trail & 63);
            self.last ^= differs;
        }
        f64::from_bits(self.last)
    }

    /// Returns how many bits of a float are written.
    fn differing(&self) -> u32 {
        64_u32.saturating_sub(u32::from(self.lead) + u32::from(self.trail))
    }
}

/// The samples of a run, read one after the other.
#[derive(Debug, Clone)]
pub(super) struct Decoded<'b> {
    bits: Reader<'b>,
    coder: Coder,
    first_ms: i64,
    left: u32,
}

impl<'b> Decoded<'b> {
    pub(super) fn new(bytes: &'b [u8], first_ms: i64, count: u32) -> Self {
        Decoded { bits: Reader::new(bytes), coder: Coder::default(), first_ms, left: count }
    }
}

impl Iterator for Decoded<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.left = self.left.checked_sub(1)?;
        if self.coder.samples > 0 {
            return Some(self.coder.get(&mut self.bits));
        }
        let first = Sample { t_ms: self.first_ms, v: f64::from_bits(self.bits.get(64)) };
        self.coder = Coder::first(first);
        Some(first)
    }
}

/// Writes a number after its length.
fn put_plain(miss: i64, bits: &mut Bits) {
    let code = zigzag(miss);
    let length = 64 - code.leading_zeros().min(63);
    bits.put(u64::from(length - 1), LENGTH_BITS);
    bits.put(code, length);
}

fn get_plain(bits: &mut Reader<'_>) -> i64 {
    let length = bits.get(LENGTH_BITS) as u32 + 1;
    unzigzag(bits.get(length))
}

/// Returns a float as the whole number that comes back as the same bits.
fn whole(v: f64) -> Option<i64> {
    let whole = v as i64;
    ((whole as f64).to_bits() == v.to_bits()).then_some(whole)
}

fn zigzag(v: i64) -> u64 {
    (v.wrapping_shl(1) ^ (v >> 63)).cast_unsigned()
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use squall_query::stale_marker;

    use super::*;

    fn coded(samples: &[Sample]) -> (Bits, Vec<Sample>) {
        let mut bits = Bits::default();
        let mut coder = Coder::start(samples[0], &mut bits);
        samples[1..].iter().for_each(|sample| coder.put(*sample, &mut bits));
        let read = Decoded::new(bits.bytes(), samples[0].t_ms, samples.len() as u32).collect();
        (bits, read)
    }

    fn same(a: &[Sample], b: &[Sample]) -> bool {
        let one = |(a, b): (&Sample, &Sample)| a.t_ms == b.t_ms && a.v.to_bits() == b.v.to_bits();
        a.len() == b.len() && a.iter().zip(b).all(one)
    }

    #[test]
    fn a_code_is_as_wide_as_the_mean_difference() {
        let exactly = |sum: u32, count: u32| match sum {
            sum if sum <= count => 0,
            sum => (32 - ((sum - 1) / count).leading_zeros()).min(WIDTH_MAX),
        };
        for count in 0..=HALVED_AFTER {
            let sums = (0..5000).chain([u32::MAX / 2, u32::MAX - 1, u32::MAX]);
            for sum in sums.filter(|sum| count > 0 || *sum == 0) {
                assert_eq!(Rice { sum, count }.width(), exactly(sum, count), "{sum} / {count}");
            }
        }
    }

    #[test]
    fn steady_counters_take_a_few_bits_a_sample() {
        let counter = |n: i64| Sample { t_ms: n * 15_000, v: (n * 100 + n * n % 17) as f64 };
        let samples: Vec<Sample> = (0..120).map(counter).collect();
        let (bits, read) = coded(&samples);
        assert!(same(&read, &samples));
        assert!(bits.bytes().len() < 150, "{} bytes for 120 samples", bits.bytes().len());
        let idle: Vec<Sample> = (0..120).map(|n| Sample { t_ms: n * 15_000, v: 7.0 }).collect();
        let (bits, read) = coded(&idle);
        assert!(same(&read, &idle));
        assert!(bits.bytes().len() < 60, "{} bytes for 120 samples", bits.bytes().len());
    }

    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-1000..100_000_i64).prop_map(|v| v as f64),
            2 => any::<f64>(),
            2 => any::<u64>().prop_map(f64::from_bits),
            1 => any::<i64>().prop_map(|v| v as f64),
            1 => prop::sample::select(vec![
                stale_marker(), f64::NAN, -0.0, 0.0, f64::INFINITY, 0.1, 0.25, f64::MIN_POSITIVE,
                9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn every_sample_comes_back_bit_for_bit(
            steps in proptest::collection::vec(
                (prop_oneof![4 => Just(15_000_i64), 2 => 1..30_000_i64, 1 => 1..i64::MAX / 512],
                 any_value()),
                1..200,
            ),
            start_ms in -1_000_000..2_000_000_000_000_i64,
        ) {
            let mut t_ms = start_ms;
            let mut samples = Vec::new();
            for (step, v) in steps {
                t_ms += step;
                samples.push(Sample { t_ms, v });
            }
            let (_, read) = coded(&samples);
            prop_assert!(same(&read, &samples));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let samples = Decoded::new(&bytes, 0, 300).count();
            prop_assert_eq!(samples, 300);
        }
    }
}
