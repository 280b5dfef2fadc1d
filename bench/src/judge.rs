//! The judge's figures: false aborts, delays, coverage, and who is blamed for what.
//!
//! `cargo xtask bench judge` prints them as `bench/judge.md` keeps them.

mod bootstrap;
mod overlap;
mod world;

use crate::figure::Table;

pub(crate) fn run(_: &mut Table) {
    print!("{}", overlap::report());
}
