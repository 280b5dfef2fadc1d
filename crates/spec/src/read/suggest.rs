//! "Did you mean": the nearest known word to one that is not known.

/// Longer words are never compared; typing errors are in short ones.
const WORD_MAX_CHARS: usize = 64;

/// Returns the known word nearest to a wrong one, if it is near enough to be a typing error.
pub fn closest<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let wrong = plain(wrong);
    if wrong.is_empty() || wrong.len() > WORD_MAX_CHARS {
        return None;
    }
    let near = (wrong.len() / 3).max(1);
    known
        .into_iter()
        .map(|word| (distance(&wrong, &plain(word)), word))
        .filter(|&(distance, _)| distance <= near)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// Drops case and word signs, so that `steady_state` is `steadyState` written otherwise.
fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Counts insertions, deletions, replacements and swaps of neighbors.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; width];
        for j in 1..width {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swapped {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let known = ["service", "instances", "process", "steadyState", "http.delay"];
        let check = |wrong, expected| assert_eq!(closest(wrong, known), expected, "{wrong}");
        check("instnaces", Some("instances"));
        check("steady_state", Some("steadyState"));
        check("http.dela", Some("http.delay"));
        check("pid", None);
        check("", None);
        check(&"x".repeat(10_000), None);
    }
}
