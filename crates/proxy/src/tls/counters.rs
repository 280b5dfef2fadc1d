//! What became of handshakes, in numbers that can be read from any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::seen::Seen;

/// Live counters, shared between the proxy and its owner.
#[derive(Debug, Default)]
pub struct Counters {
    hellos: AtomicU64,
    matched: AtomicU64,
    hurt: AtomicU64,
    spared: AtomicU64,
    refused: AtomicU64,
    accepted: AtomicU64,
    other: AtomicU64,
    names: Seen,
    reasons: Seen,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Hellos that were read while a rule was armed.
    pub hellos: u64,
    /// Hellos that fit the rule, hurt or spared by the dice.
    pub matched: u64,
    /// Handshakes that were hurt.
    pub hurt: u64,
    /// Handshakes that the dice spared.
    pub spared: u64,
    /// Handshakes with an impostor that the client broke off, as it should.
    pub refused: u64,
    /// Handshakes with an impostor that the client took for real.
    pub accepted: u64,
    /// Connections that spoke something else, or a hello that could not be read.
    pub other: u64,
    /// The most seen server names, most frequent first.
    pub names: Vec<(String, u64)>,
    /// How clients broke off, most frequent first.
    pub reasons: Vec<(String, u64)>,
}

impl Counters {
    /// Reads every counter; single counters may be a handshake apart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            hellos: self.hellos.load(Relaxed),
            matched: self.matched.load(Relaxed),
            hurt: self.hurt.load(Relaxed),
            spared: self.spared.load(Relaxed),
            refused: self.refused.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            other: self.other.load(Relaxed),
            names: self.names.most(),
            reasons: self.reasons.most(),
        }
    }

    pub(super) fn hello(&self, name: &str, matched: bool) {
        self.hellos.fetch_add(1, Relaxed);
        self.matched.fetch_add(u64::from(matched), Relaxed);
        self.names.count(if name.is_empty() { "(no name)" } else { name });
    }

    pub(super) fn spared(&self) {
        self.spared.fetch_add(1, Relaxed);
    }

    pub(super) fn hurt(&self) {
        self.hurt.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self, reason: &str) {
        self.refused.fetch_add(1, Relaxed);
        self.reasons.count(reason);
    }

    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(super) fn other(&self) {
        self.other.fetch_add(1, Relaxed);
    }
}
