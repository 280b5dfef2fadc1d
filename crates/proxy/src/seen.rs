//! Which names were seen, so that "nothing matched" can be explained: a bounded tally.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The most different names remembered; the rest are not.
const NAMES_MAX: usize = 64;
/// The longest name remembered, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A tally of names.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<String, u64>>);

impl Seen {
    pub(crate) fn count(&self, name: &str) {
        let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
        let mut seen = self.lock();
        if let Some(count) = seen.get_mut(name) {
            *count += 1;
        } else if seen.len() < NAMES_MAX {
            seen.insert(name.to_owned(), 1);
        }
    }

    /// Returns the names, most frequent first.
    pub(crate) fn most(&self) -> Vec<(String, u64)> {
        let mut seen: Vec<_> = self.lock().iter().map(|(name, n)| (name.clone(), *n)).collect();
        seen.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        seen
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        // A count lost to a panic elsewhere does no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_sorted_by_how_often_they_came() {
        let seen = Seen::default();
        for n in 0..NAMES_MAX + 3 {
            seen.count(&n.to_string());
        }
        seen.count("1");
        seen.count(&"长".repeat(100));
        assert_eq!(seen.most().len(), NAMES_MAX);
        assert_eq!(seen.most()[0], ("1".to_owned(), 2));
    }
}
