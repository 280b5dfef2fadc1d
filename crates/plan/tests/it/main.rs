//! Plans over inventories made by hand: every refusal once, the dry run whole, and the laws.
mod dependency;
mod examples;
mod fixture;
mod laws;
mod picture;
mod refusals;
