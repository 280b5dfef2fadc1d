//! A chain of lines: each one carries the hash of the line before it, so that a line which is
//! changed, taken out or put in afterwards is found by whoever reads on.
//!
//! It shows that something was changed, not by whom: whoever may write the file can write all of
//! it anew. The hash of the last line, kept elsewhere, shows that, too.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What the first line of a file carries in place of a hash.
pub const START: &str = "start";

/// How far a chain has come: what the next line has to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    last: String,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { last: START.to_owned() }
    }
}

impl Chain {
    /// The hash of the last line, or [`START`] where there is none.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Takes the next line in, as it stands in the file, without its newline.
    pub fn advance(&mut self, line: &[u8]) {
        self.last.clear();
        for byte in Sha256::digest(line) {
            write!(self.last, "{byte:02x}").expect("invariant: writing to a String");
        }
    }

    /// True where `text` can be what a line carries: [`START`] or a hash.
    pub fn is_link(text: &str) -> bool {
        let hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        hash || text == START
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_the_hash_of_the_line_before() {
        let mut chain = Chain::default();
        assert_eq!(chain.last(), START);
        chain.advance(b"abc");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(chain.last(), known);
        assert!(Chain::is_link(known) && Chain::is_link(START) && !Chain::is_link("{}"));
    }
}
