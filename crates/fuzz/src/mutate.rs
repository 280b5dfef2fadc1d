//! Changes inputs at random, from a seed: what the tests do in the moment they have.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The longest input that is made.
const LENGTH_MAX: usize = 4096;

/// A source of changed inputs.
pub struct Mutator<'a> {
    inputs: &'a [Vec<u8>],
    words: &'a [&'a str],
    dice: StdRng,
}

impl<'a> Mutator<'a> {
    /// Makes one of a corpus.
    pub fn new(inputs: &'a [Vec<u8>], words: &'a [&'a str], seed: u64) -> Mutator<'a> {
        Mutator { inputs, words, dice: StdRng::seed_from_u64(seed) }
    }

    /// Returns the next input: one of the corpus with a few changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick().to_vec();
        for _ in 0..self.dice.random_range(1..6) {
            self.change(&mut input);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn pick(&mut self) -> &'a [u8] {
        match self.inputs.len() {
            0 => &[],
            count => &self.inputs[self.dice.random_range(0..count)],
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.dice.random_range(0..=input.len());
        let to = self.dice.random_range(at..=input.len().min(at + 16));
        match self.dice.random_range(0..8) {
            0 if at < input.len() => input[at] ^= 1 << self.dice.random_range(0..8),
            1 if at < input.len() => input[at] = self.dice.random(),
            2 => drop(input.drain(at..to)),
            3 => {
                let piece = input[at..to].to_vec();
                input.splice(at..at, piece);
            }
            4 if at < input.len() => {
                let odd = [0, 1, 0x7f, 0x80, 0xff, b'\n', b' '];
                input[at] = odd[self.dice.random_range(0..odd.len())];
            }
            5 => {
                // The rest of another input behind the start of this one.
                let other = self.pick();
                let from = self.dice.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => input.insert(at, self.dice.random()),
            _ if self.words.is_empty() => input.truncate(at),
            _ => {
                let word = self.words[self.dice.random_range(0..self.words.len())];
                input.splice(at..to, word.bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_and_another_one_others() {
        let inputs = [b"one".to_vec(), b"two words".to_vec()];
        let made = |seed| {
            let mut mutator = Mutator::new(&inputs, &["WHEN"], seed);
            (0..50).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(made(1).iter().all(|input| input.len() <= LENGTH_MAX));
    }
}
