//! Owns the tests' service that a fault breaks for as long as its traffic lasts.

use squall_wire::record::Reading;

/// A service that does not come back while its traffic lasts.
#[derive(Default)]
pub(super) struct Sticky {
    /// How long it has to be left alone.
    rest_us: u64,
    /// What others send.
    pub(super) others: u64,
    stuck: bool,
    quiet_since_us: Option<u64>,
}

impl Sticky {
    pub(super) fn new(rest_us: u64) -> Sticky {
        Sticky { rest_us, ..Sticky::default() }
    }

    pub(super) fn reading(&mut self, armed: bool, flows: bool, now_us: u64) -> Reading {
        self.stuck |= armed;
        if flows {
            self.quiet_since_us = None;
        } else if self.others == 0 {
            let since_us = *self.quiet_since_us.get_or_insert(now_us);
            self.stuck &= now_us - since_us < self.rest_us;
        }
        let total = self.others + if flows { 500 } else { 0 };
        Reading {
            value: None,
            total: Some(total),
            bad_least: Some(if self.stuck { total / 2 } else { 0 }),
            bad_most: Some(if self.stuck { total / 2 } else { 0 }),
            ..Reading::default()
        }
    }
}
