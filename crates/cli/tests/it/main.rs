//! The binary as its user runs it, in a folder of its own. Needs no root and no network.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod editor;
mod forms;
mod input;
mod records;
mod sla;
mod world;
