//! Owns the made-up systems that attribution is tried on: services that call each other, faults
//! and incidents that overlap, and the truth about which of them did it, found by replaying the
//! same system without each.
//!
//! It knows nothing of the judge and is frozen: a test holds the hash of what fixed seeds give.
//! It is meant to be hard where real systems are: queues that fill, retries that amplify, nodes
//! that several share, recoveries that come late, scrapes that are missing, clocks that differ.

pub(super) mod dice;
pub(super) mod draw;
pub(super) mod flow;
pub(super) mod observe;
pub(super) mod scenario;
pub(super) mod truth;

#[cfg(test)]
mod frozen;

pub(super) use draw::draw;
pub(super) use observe::{observe, observe_rules};
pub(super) use scenario::{Family, Scenario};
pub(super) use truth::Truth;
