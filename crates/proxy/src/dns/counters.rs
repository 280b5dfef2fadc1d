//! What the answerer did, in numbers that can be read from any thread.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::seen::Seen;

/// Live counters, shared between the answerer and its owner.
#[derive(Debug, Default)]
pub struct Counters {
    queries: AtomicU64,
    matched: AtomicU64,
    hurt: AtomicU64,
    spared: AtomicU64,
    over_tcp: AtomicU64,
    forwarded: AtomicU64,
    unread: AtomicU64,
    errors: AtomicU64,
    asked_ns_total: AtomicU64,
    delivered_ns_total: AtomicU64,
    names: Seen,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Questions that were read while a rule was armed.
    pub queries: u64,
    /// Questions that fit the rule, hurt or spared by the dice.
    pub matched: u64,
    /// Questions that were hurt.
    pub hurt: u64,
    /// Questions that the dice spared.
    pub spared: u64,
    /// Questions that fit the rule and came over TCP.
    pub over_tcp: u64,
    /// Messages passed on to the real resolver.
    pub forwarded: u64,
    /// Messages that were no question for one name.
    pub unread: u64,
    /// Sockets that failed.
    pub errors: u64,
    /// The delays asked of the held questions together.
    pub asked_ns_total: u64,
    /// How long they were held together.
    pub delivered_ns_total: u64,
    /// The most seen names, most frequent first.
    pub names: Vec<(String, u64)>,
}

impl Counters {
    /// Reads every counter; single counters may be a question apart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            queries: self.queries.load(Relaxed),
            matched: self.matched.load(Relaxed),
            hurt: self.hurt.load(Relaxed),
            spared: self.spared.load(Relaxed),
            over_tcp: self.over_tcp.load(Relaxed),
            forwarded: self.forwarded.load(Relaxed),
            unread: self.unread.load(Relaxed),
            errors: self.errors.load(Relaxed),
            asked_ns_total: self.asked_ns_total.load(Relaxed),
            delivered_ns_total: self.delivered_ns_total.load(Relaxed),
            names: self.names.most(),
        }
    }

    pub(super) fn query(&self, name: &str, matched: bool, tcp: bool) {
        self.queries.fetch_add(1, Relaxed);
        self.matched.fetch_add(u64::from(matched), Relaxed);
        self.over_tcp.fetch_add(u64::from(matched && tcp), Relaxed);
        self.names.count(name);
    }

    pub(super) fn spared(&self) {
        self.spared.fetch_add(1, Relaxed);
    }

    pub(super) fn hurt(&self) {
        self.hurt.fetch_add(1, Relaxed);
    }

    pub(super) fn held(&self, asked: Duration, delivered: Duration) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.hurt();
        self.asked_ns_total.fetch_add(nanos(asked), Relaxed);
        self.delivered_ns_total.fetch_add(nanos(delivered), Relaxed);
    }

    pub(super) fn forwarded(&self) {
        self.forwarded.fetch_add(1, Relaxed);
    }

    pub(super) fn not_read(&self) {
        self.unread.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Relaxed);
    }
}
