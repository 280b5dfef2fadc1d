//! Numbers as people read them: a value with its unit, never more digits than it earns.
//!
//! A share never reads as 100 % or as its own bound when it is not.

use squall_wire::record::Unit;

/// Digits after the point beyond which a share says nothing a person can use.
const SHARE_DECIMALS_MAX: usize = 5;

/// Above this, evidence is not written out: its digits say nothing that a person can use.
const EVIDENCE_PLAIN_MAX: f64 = 1e6;

/// A number with commas between thousands.
pub fn count(n: u64) -> String {
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

/// Digits after the point that a share needs, as a percentage: more the nearer it is to 0 or 100.
fn share_decimals(share: f64) -> usize {
    let edge = share.min(1.0 - share).abs() * 100.0;
    match edge {
        e if e >= 1.0 => 1,
        e if e >= 0.01 || e == 0.0 => 2,
        e if e >= 0.001 => 3,
        e if e >= 0.000_1 => 4,
        _ => SHARE_DECIMALS_MAX,
    }
}

fn percent_digits(share: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, share * 100.0);
    let full = format!("{:.*}", decimals, 100.0);
    // A share below one must not read as one.
    if share < 1.0 && text == full {
        return format!("{:.*}", decimals, 100.0 - 0.1_f64.powi(decimals as i32));
    }
    text
}

/// The digits of a share as a percentage, with no sign; told apart from `bound` if it is given.
pub fn percent(share: f64, bound: Option<f64>) -> String {
    percents(&[share], bound).remove(0)
}

/// The same for shares that stand together: all get as many digits as one of them needs to be
/// told apart from the bound, and no more than the first needs by itself otherwise.
pub fn percents(shares: &[f64], bound: Option<f64>) -> Vec<String> {
    let mut decimals = shares.first().filter(|s| s.is_finite()).map_or(2, |s| share_decimals(*s));
    if let Some(bound) = bound {
        let blurred = |decimals| {
            let bound_text = percent_digits(bound, decimals);
            shares.iter().any(|s| *s != bound && percent_digits(*s, decimals) == bound_text)
        };
        while decimals < SHARE_DECIMALS_MAX && blurred(decimals) {
            decimals += 1;
        }
    }
    let digits = |share: &f64| match share.is_finite() {
        true => percent_digits(*share, decimals),
        false => "–".into(),
    };
    shares.iter().map(digits).collect()
}

/// A value of an indicator with its unit.
pub fn value(value: f64, unit: Unit, bound: Option<f64>) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    match unit {
        Unit::Share => format!("{} %", percent(value, bound)),
        Unit::Seconds => seconds(value),
        Unit::Number => plain(value),
    }
}

/// A duration given in seconds, in the unit that fits it.
pub fn seconds(s: f64) -> String {
    if !s.is_finite() {
        return "–".into();
    }
    match s.abs() {
        0.0 => "0 s".into(),
        a if a < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        a if a < 0.009_95 => format!("{:.1} ms", s * 1e3),
        a if a < 0.999_5 => format!("{:.0} ms", s * 1e3),
        a if a < 9.995 => format!("{s:.2} s"),
        a if a < 99.95 => format!("{s:.1} s"),
        a if a < 1e9 => format!("{} s", signed_count(s)),
        _ => format!("{s:.1e} s"),
    }
}

/// A duration given in microseconds, as times of steps are printed: `1.9 ms`, `38 ms`, `1.20 s`.
pub fn micros(us: u64) -> String {
    seconds(us as f64 / 1e6)
}

/// A planned length: `60 s`, `2 min`, `2.5 s`, `500 ms`.
pub fn length(ms: u64) -> String {
    match ms {
        0 => "0 s".into(),
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms > 120_000 && ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        ms if ms.is_multiple_of(1000) => format!("{} s", count(ms / 1000)),
        ms => format!("{:.1} s", ms as f64 / 1e3),
    }
}

/// Evidence against a bound.
pub fn evidence(e: f64) -> String {
    match e {
        e if e < 9.95 => format!("{e:.1}"),
        e if e <= EVIDENCE_PLAIN_MAX => count(e.round() as u64),
        _ => "> 1e6".into(),
    }
}

/// A number without a unit, three digits that count.
pub fn plain(v: f64) -> String {
    match v.abs() {
        a if !a.is_finite() => "–".into(),
        0.0 => "0".into(),
        a if a < 0.001 => format!("{v:.1e}"),
        a if a < 0.995 => format!("{v:.3}"),
        a if a < 9.995 => format!("{v:.2}"),
        a if a < 99.95 => format!("{v:.1}"),
        a if a < 1e9 => signed_count(v),
        _ => format!("{v:.2e}"),
    }
}

fn signed_count(v: f64) -> String {
    let sign = if v < 0.0 { "-" } else { "" };
    format!("{sign}{}", count(v.abs().round() as u64))
}

/// A bound as it was written, set for reading: `>= 99.95%` becomes `≥ 99.95 %`.
pub fn bound(expect: &str) -> String {
    let text = expect.trim();
    let (sign, rest) = match text {
        t if t.starts_with(">=") => ("≥ ", &t[2..]),
        t if t.starts_with("<=") => ("≤ ", &t[2..]),
        t => ("", t),
    };
    let rest = rest.trim();
    let unit = rest.find(|c: char| !(c.is_ascii_digit() || ".,+-".contains(c)));
    match unit {
        Some(at) if at > 0 && !rest[at..].starts_with(' ') => {
            format!("{sign}{} {}", &rest[..at], &rest[at..])
        }
        _ => format!("{sign}{rest}"),
    }
}

/// A sentence with its comparisons set for reading: `stayed >= 99.95%:` becomes
/// `stayed ≥ 99.95 %:`.
pub fn typeset(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split(' ').collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        let compares = matches!(out.last().map(String::as_str), Some("≥" | "≤"));
        out.push(match word {
            ">=" => "≥".into(),
            "<=" => "≤".into(),
            word if compares && word.starts_with(|c: char| c.is_ascii_digit()) => bound(word),
            word => word.into(),
        });
    }
    out.join(" ")
}

/// `n thing` or `n things`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A moment as `2026-11-24 09:14:07 UTC`.
pub fn utc(unix_ms: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(unix_ms);
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02} UTC")
}

/// A moment as `2026-11-24T09:14:07Z`.
pub fn iso(unix_ms: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(unix_ms);
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

fn civil(unix_ms: i64) -> (i64, i64, i64, i64, i64, i64) {
    let secs = unix_ms.div_euclid(1000);
    let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    // Days are counted in 400-year cycles that start on 1 March, so leap days come last.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_the_digits_that_matter() {
        let cases = [
            (0.612, "61.2"),
            (0.91, "91.0"),
            (0.9997, "99.97"),
            (0.998, "99.80"),
            (1.0, "100.00"),
            (0.99997, "99.997"),
            (0.031, "3.1"),
            (0.0, "0.00"),
            (0.999_999_999, "99.99999"),
        ];
        for (share, text) in cases {
            assert_eq!(percent(share, None), text);
        }
    }

    #[test]
    fn a_share_is_told_apart_from_its_bound() {
        assert_eq!(percent(0.999_49, Some(0.9995)), "99.949");
        assert_eq!(percent(0.9995, Some(0.9995)), "99.95");
        assert_eq!(percents(&[0.9997, 0.9991, 0.9999], Some(0.9995)), ["99.97", "99.91", "99.99"]);
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        let cases = [
            (0.0, "0 s"),
            (0.000_85, "850 µs"),
            (0.0019, "1.9 ms"),
            (0.142, "142 ms"),
            (1.94, "1.94 s"),
            (24.0, "24.0 s"),
            (3600.0, "3,600 s"),
        ];
        for (s, text) in cases {
            assert_eq!(seconds(s), text);
        }
        assert_eq!(length(60_000), "60 s");
        assert_eq!(length(480_000), "8 min");
        assert_eq!(length(2500), "2.5 s");
    }

    #[test]
    fn bounds_are_set_for_reading() {
        assert_eq!(bound(">= 99.95%"), "≥ 99.95 %");
        assert_eq!(bound("<= 300ms"), "≤ 300 ms");
        assert_eq!(bound("<=5"), "≤ 5");
        assert_eq!(bound(""), "");
        assert_eq!(typeset("stayed >= 99.95%: 0 of 3 failed"), "stayed ≥ 99.95 %: 0 of 3 failed");
    }

    #[test]
    fn evidence_and_counts() {
        assert_eq!(evidence(411.7), "412");
        assert_eq!(evidence(2.04), "2.0");
        assert_eq!(evidence(3.2e12), "> 1e6");
        assert_eq!(evidence(f64::INFINITY), "> 1e6");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plain(-1234.5), "-1,235");
    }

    #[test]
    fn moments_are_civil_time() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(1_795_511_647_000), "2026-11-24 09:14:07 UTC");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
    }
}
