//! Everything that reads outside bytes, as targets of a fuzzer, and the inputs that were found
//! (reason: a library that only development links).
//!
//! A target is a function of bytes that panics where a law is broken: no panic and no endless loop,
//! and beyond that what the reader promises (formatting twice is formatting once, the answer does
//! not depend on how bytes arrive, what is written is read the same).
//!
//! `cargo xtask fuzz` looks for new inputs, guided by coverage; the tests replay the corpus and
//! change it at random for a moment.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod mutate;
pub mod targets;

/// One reader of outside bytes.
pub struct Target {
    /// Its name on the command line and that of its corpus.
    pub name: &'static str,
    /// Where its bytes come from.
    pub about: &'static str,
    /// Words of its language, which a fuzzer puts in.
    pub words: &'static [&'static str],
    /// Panics where a law is broken.
    pub run: fn(&[u8]),
}

/// Finds a target.
pub fn find(name: &str) -> Option<&'static Target> {
    targets::ALL.iter().find(|target| target.name == name)
}
