//! Owns reading comma-separated tables: quotes are understood, bad numbers are holes.

use std::path::Path;

/// A table's rows.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<String>>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.lines().map(cells).collect())
}

fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.trim_end_matches('\r').chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

/// A number, if it is one.
pub(crate) fn number(cell: &str) -> Option<f64> {
    cell.trim().parse::<f64>().ok().filter(|v| v.is_finite())
}

/// `2022-08-22 03:51:19…` in UTC as milliseconds since 1970.
pub(crate) fn utc_ms(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    // Days from the civil calendar, years beginning in March.
    let shifted = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (shifted.0.div_euclid(400), shifted.0.rem_euclid(400));
    let of_year = (153 * shifted.1 + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_times_are_read() {
        assert_eq!(cells("a,\"b,c\",,d\r"), ["a", "b,c", "", "d"]);
        assert_eq!(number(" 1.5 "), Some(1.5));
        assert_eq!(number("NaN"), None);
        assert_eq!(utc_ms("2022-08-22 03:53:54.1 +0000 UTC"), Some(1_661_140_434_000));
        assert_eq!(utc_ms("1970-01-01 00:00:00"), Some(0));
        assert_eq!(utc_ms("soon"), None);
    }
}
