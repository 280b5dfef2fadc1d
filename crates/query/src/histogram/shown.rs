//! Owns the text of a histogram, as Prometheus prints it in a label.

use std::fmt;

use super::model::Histogram;
use crate::eval::go_float;

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", go_float(self.count), go_float(self.sum))?;
        let mut bucket = |open: char, lower: f64, upper: f64, close: char, count: f64| {
            let (lower, upper, count) = (go_float(lower), go_float(upper), go_float(count));
            write!(f, ", {open}{lower},{upper}{close}:{count}")
        };
        for at in self.negative.iter().rev() {
            let negative = self.negative_bucket(*at);
            bucket('[', negative.lower, negative.upper, ')', negative.count)?;
        }
        if self.zero_count != 0.0 {
            bucket('[', -self.zero_threshold, self.zero_threshold, ']', self.zero_count)?;
        }
        for at in &self.positive {
            let positive = self.positive_bucket(*at);
            bucket('(', positive.lower, positive.upper, ']', positive.count)?;
        }
        f.write_str("}")
    }
}
