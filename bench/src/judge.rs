//! The judge's figures: false aborts, delays, coverage, and who is blamed for what.
//!
//! `cargo xtask bench judge` prints them as `bench/judge.md` keeps them.

mod aborts;
mod bootstrap;
mod csv;
mod drained;
mod fit;
mod nezha;
mod overlap;
mod petshop;
mod rcaeval;
mod threads;
mod toggled;
mod world;

use crate::figure::Table;

/// One part of the figures: its name and what makes its tables.
type Part = (&'static str, fn() -> String);

/// Prints the figures; `JUDGE` picks one part: `aborts`, `overlap`, `toggling`, `nezha`, `petshop`,
/// `rcaeval` or `fit`, which prints the table of trees that attribution weighs signs with.
pub(crate) fn run(_: &mut Table) {
    let wanted = std::env::var("JUDGE").ok();
    let parts: [Part; 7] = [
        ("aborts", || {
            [aborts::healthy(10_000), aborts::broken(600), aborts::coverage(10_000)].concat()
        }),
        ("overlap", overlap::report),
        ("toggling", toggled::report),
        ("nezha", nezha::report),
        ("petshop", petshop::report),
        ("rcaeval", rcaeval::report),
        ("fit", fit::report),
    ];
    for (name, part) in parts {
        if wanted.as_deref().is_none_or(|w| w == name) {
            println!("{}", part());
        }
    }
}
