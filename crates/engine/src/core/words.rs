//! Owns how the core writes numbers in lines for people. Pages and tables have the report's own.

use squall_wire::record::{Indicator, Reading, Unit};

/// A value of an indicator, for example `99.97 %`, `142 ms`, `12.5`.
pub(super) fn value(indicator: &Indicator, value: f64) -> String {
    match indicator.unit {
        Unit::Share => share(value),
        Unit::Seconds => seconds(value),
        Unit::Number => number(value),
    }
}

/// A share as a percentage with as many digits as its distance from an end needs.
pub(super) fn share(value: f64) -> String {
    let percent = value * 100.0;
    let off = percent.min(100.0 - percent).max(0.0);
    let digits = match off {
        _ if off == 0.0 => 0,
        _ if off >= 1.0 => 1,
        _ if off >= 0.02 => 2,
        _ if off >= 0.002 => 3,
        _ => 4,
    };
    format!("{percent:.digits$} %")
}

/// A time in a fitting unit.
pub(super) fn seconds(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0} s"),
        v if v >= 1.0 => format!("{value:.2} s"),
        v if v >= 0.01 => format!("{:.0} ms", value * 1e3),
        v if v >= 0.001 => format!("{:.1} ms", value * 1e3),
        _ => format!("{:.0} µs", value * 1e6),
    }
}

/// Evidence; above a million its digits say nothing.
pub(super) fn evidence(e: f64) -> String {
    if e > 1e6 { "> 1e6".into() } else { format!("{e:.0}") }
}

/// A count with separators.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One indicator at one moment, for example `order success 91.0 % (44 of 488 failed)`.
pub(super) fn reading(indicator: &Indicator, reading: &Reading) -> String {
    let name = &indicator.name;
    if let Some(gap) = &reading.gap {
        return format!("{name}: {gap}");
    }
    let shown = reading.value.map_or("no value".into(), |v| value(indicator, v));
    match (reading.total, reading.bad_least) {
        (Some(total), Some(bad)) if bad > 0 => {
            let word = &indicator.bad_word;
            format!("{name} {shown} ({} of {} {word})", count(bad), count(total))
        }
        _ => format!("{name} {shown}"),
    }
}

pub(super) fn number(value: f64) -> String {
    if value.abs() >= 1e6 {
        format!("{value:.3e}")
    } else {
        format!("{}", (value * 1e3).round() / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_a_person_would_write_them() {
        let shares: Vec<_> = [0.910, 0.9997, 0.99997, 1.0, 0.0, 0.152].map(share).into();
        assert_eq!(shares.join(" "), "91.0 % 99.97 % 99.997 % 100 % 0 % 15.2 %");
        let times: Vec<_> = [0.142, 1.12, 0.0042, 0.00005, 240.0].map(seconds).into();
        assert_eq!(times.join(" "), "142 ms 1.12 s 4.2 ms 50 µs 240 s");
        assert_eq!([0, 999, 1_000, 30_012].map(count).join(" "), "0 999 1,000 30,012");
        assert_eq!([12.5, 3.0].map(number).join(" "), "12.5 3");
    }
}
