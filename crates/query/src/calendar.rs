//! Owns the civil calendar in UTC that the date functions share.

use crate::eval::EvalError;
use crate::function::Call;
use crate::labels::Labels;
use crate::value::{Element, Value};

/// The parts of a moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) weekday: i64,
    pub(crate) yearday: i64,
    pub(crate) month_days: i64,
}

/// Maps each value, taken as seconds since the epoch; without an argument the evaluation time.
pub(crate) fn each(call: &Call<'_>, part: impl Fn(Moment) -> i64) -> Result<Value, EvalError> {
    let of = |seconds: f64| {
        if seconds.is_nan() { f64::NAN } else { part(moment(seconds as i64)) as f64 }
    };
    if call.args.is_empty() {
        let now = call.context.at_ms as f64 / 1000.0;
        return Ok(Value::Vector(vec![Element::new(Labels::empty(), of(now))]));
    }
    call.each(of)
}

/// Splits seconds since the epoch, by the days-from-civil method of the proleptic calendar.
fn moment(seconds: i64) -> Moment {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = (month - 1) as usize;
    Moment {
        year,
        month,
        day,
        hour: second / 3_600,
        minute: second / 60 % 60,
        weekday: (days + 4).rem_euclid(7),
        yearday: lengths[..before].iter().sum::<i64>() + day,
        month_days: lengths[before],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_the_time_before_the_epoch_are_right() {
        let leap = moment(1_709_210_096);
        assert_eq!((leap.year, leap.month, leap.day, leap.yearday), (2024, 2, 29, 60));
        assert_eq!((leap.hour, leap.minute, leap.weekday, leap.month_days), (12, 34, 4, 29));
        let before = moment(-1);
        assert_eq!((before.year, before.month, before.day, before.hour), (1969, 12, 31, 23));
        assert_eq!(before.weekday, 3);
    }
}
