//! Owns the natural order of label values: digits compare as numbers, `a2` before `a10`.

use std::cmp::Ordering;

use crate::labels::Labels;

/// Orders two label sets by the values of these labels, then by the whole sets.
pub(crate) fn by_labels(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    names
        .iter()
        .map(|name| natural(a.get(name), b.get(name)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.cmp(b))
}

fn natural(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let order = match (chunk(a), chunk(b)) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((x, rest_a)), Some((y, rest_b))) => {
                (a, b) = (rest_a, rest_b);
                if x.starts_with(|c: char| c.is_ascii_digit())
                    && y.starts_with(|c: char| c.is_ascii_digit())
                {
                    let (n, m) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
                    n.len().cmp(&m.len()).then_with(|| n.cmp(m)).then_with(|| x.cmp(y))
                } else {
                    x.cmp(y)
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Splits off the leading run of digits or of other characters.
fn chunk(text: &str) -> Option<(&str, &str)> {
    let digit = text.chars().next()?.is_ascii_digit();
    let end = text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_compare_as_numbers() {
        assert_eq!(natural("a2", "a10"), Ordering::Less);
        assert_eq!(natural("4m600", "4m5"), Ordering::Greater);
        assert_eq!(natural("a", "a1"), Ordering::Less);
        assert_eq!(natural("b", "a9"), Ordering::Greater);
        assert_eq!(natural("x", "x"), Ordering::Equal);
    }
}
