//! Finds the word a person probably meant.

/// More mistakes than this make another word.
const MISTAKES_MAX: usize = 2;

/// Returns the word that is closest to what was written, if any is close.
pub(super) fn nearest<'a>(written: &str, words: &[&'a str]) -> Option<&'a str> {
    let near = words.iter().map(|word| (mistakes(written, word), *word)).min()?;
    let short = written.chars().count().min(near.1.chars().count());
    (near.0 <= MISTAKES_MAX && near.0 < short).then_some(near.1)
}

/// Counts letters left out, added, changed or swapped with their neighbor.
fn mistakes(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let words = ["mean", "jitter", "share"];
        assert_eq!(nearest("mena", &words), Some("mean"));
        assert_eq!(nearest("jiter", &words), Some("jitter"));
        assert_eq!(nearest("delay", &words), None);
        assert_eq!(nearest("m", &words), None);
        assert_eq!(nearest("mean", &[]), None);
    }
}
