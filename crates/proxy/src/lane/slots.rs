//! Numbered places for connections. A number is not given again in the round it was freed in, so
//! that an event that is still to be looked at cannot reach another connection.

/// The places.
#[derive(Debug)]
pub(super) struct Slots<T> {
    all: Vec<Option<T>>,
    free: Vec<usize>,
    just_freed: Vec<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { all: Vec::new(), free: Vec::new(), just_freed: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn add(&mut self, one: T) -> usize {
        if let Some(number) = self.free.pop() {
            self.all[number] = Some(one);
            return number;
        }
        self.all.push(Some(one));
        self.all.len() - 1
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.all.get(number)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.all.get_mut(number)?.as_mut()
    }

    pub(super) fn remove(&mut self, number: usize) {
        if self.all.get_mut(number).and_then(Option::take).is_some() {
            self.just_freed.push(number);
        }
    }

    /// Lets the numbers freed in this round be given again, and memory go when all are free.
    pub(super) fn reclaim(&mut self) {
        self.free.append(&mut self.just_freed);
        if self.is_empty() && !self.all.is_empty() {
            *self = Slots::default();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() + self.just_freed.len() == self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_again_in_the_next_round_only() {
        let mut slots = Slots::default();
        let (a, b) = (slots.add("a"), slots.add("b"));
        slots.remove(a);
        slots.remove(a);
        let c = slots.add("c");
        assert!(c != a && slots.get(a).is_none() && slots.get(b) == Some(&"b"));
        slots.reclaim();
        assert_eq!(slots.add("d"), a);
        for number in [a, b, c] {
            slots.remove(number);
        }
        assert!(slots.is_empty());
        slots.reclaim();
        assert_eq!(slots.add("e"), 0);
    }
}
