//! The pages of docs/language run: every block is read, every diagnostic is the one promised.
mod language;
mod laws;
mod published;
mod sla;
