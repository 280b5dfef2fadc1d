//! Numbers and lengths of time as a person reads them.

/// Prints whole numbers with commas: `30,000`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Prints a count and its noun: `1 instance`, `2 instances`.
pub(crate) fn count(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// Prints a length of time: `250 ms`, `65 s`, `2 min 5 s`, `3 h`.
pub(crate) fn length(millis: u64) -> String {
    let part = |value: u64, unit: &str| match value {
        0 => String::new(),
        value => format!(" {value} {unit}"),
    };
    match millis {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{millis} ms"),
        1_000..120_000 if millis.is_multiple_of(1_000) => format!("{} s", millis / 1_000),
        1_000..120_000 => format!("{:.1} s", millis as f64 / 1e3),
        _ => {
            let seconds = millis / 1_000;
            let hours = part(seconds / 3_600, "h");
            let minutes = part(seconds / 60 % 60, "min");
            let seconds = part(seconds % 60, "s");
            format!("{hours}{minutes}{seconds}").trim_start().to_owned()
        }
    }
}

/// Prints minutes of an error budget: `21.6`; less than one keeps two decimals.
pub(crate) fn minutes(millis: u64) -> String {
    let minutes = millis as f64 / 60_000.0;
    if millis > 0 && minutes < 1.0 { format!("{minutes:.2}") } else { format!("{minutes:.1}") }
}

/// Prints a share as percent with as many digits as say something: `0.03 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent == 0.0 || percent >= 10.0 {
        1
    } else {
        // Two digits that count; ten decimals are below any traffic.
        (1 - percent.log10().floor() as i32).clamp(1, 10) as usize
    };
    let text = format!("{percent:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_a_person_wrote_them() {
        assert_eq!(number(30_000), "30,000");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "instance"), "1 instance");
        assert_eq!(length(250), "250 ms");
        assert_eq!(length(1_500), "1.5 s");
        assert_eq!(length(65_000), "65 s");
        assert_eq!(length(125_000), "2 min 5 s");
        assert_eq!(length(3_600_000), "1 h");
        assert_eq!(minutes(1_296_000), "21.6");
        assert_eq!(minutes(2_000), "0.03");
        assert_eq!(percent(0.0003), "0.03 %");
        assert_eq!(percent(0.05), "5 %");
        assert_eq!(percent(0.0), "0 %");
    }
}
