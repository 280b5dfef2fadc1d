//! Owns which series are of a fault's targets and which of untouched instances, told by the label
//! `instance` that scrapes carry.

use crate::prepare::Watched;
use squall_query::{Labels, Seen, Selector, Series, Storage, Visitor};
use squall_wire::record::{Arm, Arms};
use std::net::SocketAddr;

/// The label that names an instance by its address.
const INSTANCE: &str = "instance";

/// Counts an indicator's events by instance. None where its events cannot be counted, or where
/// its series are not of disturbed and of untouched instances both.
pub(super) fn read(
    storage: &dyn Storage,
    watched: &Watched,
    prev_ms: i64,
    at_ms: i64,
) -> Option<Arms> {
    let (indicator, bound) = (&watched.indicator, watched.bound);
    if watched.disturbed.is_empty() {
        return None;
    }
    indicator.bad_share(bound)?;
    let arm = |disturbed: bool| {
        let storage = OneArm { storage, addresses: &watched.disturbed, disturbed };
        let reading = indicator.read(&storage, prev_ms, at_ms, bound);
        let counts = reading.counts.filter(|_| reading.gap.is_none())?;
        let (total, bad_least, bad_most) = (counts.total, counts.bad_least, counts.bad_most);
        Some(Arm { total, bad_least, bad_most })
    };
    Some(Arms { disturbed: arm(true)?, untouched: arm(false)? })
}

/// The series of the disturbed instances, or of all others that name one.
struct OneArm<'s> {
    storage: &'s dyn Storage,
    addresses: &'s [SocketAddr],
    disturbed: bool,
}

impl Storage for OneArm<'_> {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let mut all = self.storage.select(selector, start_ms, end_ms);
        all.retain(|series| self.holds(&series.labels));
        all
    }

    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        let see = &mut |series: Seen<'_>| {
            if self.holds(series.labels) {
                see(series)
            }
        };
        self.storage.visit(selector, start_ms, end_ms, see);
    }

    fn visit_recent(&self, selector: &Selector, times: (i64, i64), see: &mut Visitor<'_>) {
        let see = &mut |series: Seen<'_>| {
            if self.holds(series.labels) {
                see(series)
            }
        };
        self.storage.visit_recent(selector, times, see);
    }
}

impl OneArm<'_> {
    fn holds(&self, labels: &Labels) -> bool {
        let instance = labels.get(INSTANCE);
        !instance.is_empty() && is_one_of(self.addresses, instance) == self.disturbed
    }
}

/// Tells whether an instance is at one of the addresses. A target that listens everywhere is at
/// its port of this host's own addresses.
fn is_one_of(addresses: &[SocketAddr], instance: &str) -> bool {
    let instance = instance.replacen("localhost:", "127.0.0.1:", 1);
    let Ok(at) = instance.parse::<SocketAddr>() else { return false };
    let here = |address: &SocketAddr| {
        let everywhere = address.ip().is_unspecified() && at.ip().is_loopback();
        address.port() == at.port() && (address.ip() == at.ip() || everywhere)
    };
    addresses.iter().any(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_told_by_its_address() {
        let addresses: Vec<SocketAddr> = ["127.0.0.1:9002", "0.0.0.0:9003"]
            .iter()
            .map(|a| a.parse().expect("an address"))
            .collect();
        for (instance, expected) in [
            ("127.0.0.1:9002", true),
            ("localhost:9002", true),
            ("127.0.0.1:9003", true),
            ("10.0.0.7:9003", false),
            ("127.0.0.1:9004", false),
            ("payment-1", false),
        ] {
            assert_eq!(is_one_of(&addresses, instance), expected, "{instance}");
        }
    }
}
