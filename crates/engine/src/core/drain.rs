//! Owns drains: a service that is not back inside its bounds at the end of a slot without any fault
//! may be kept broken by what its traffic left behind — queues, retries that feed on failures. The
//! run's own traffic rests until that is gone, comes again, and the next slot begins once the
//! service is back with it. Samples in between count for nothing.

use super::event::Command;
use super::script::Script;
use super::state::{Core, Stop};
use super::words;
use squall_judge::monitor::{Judged, Seen, Status};
use squall_judge::reading::{Reading, Rule};
use squall_judge::recovery::{BACK_AFTER, Recovery};
use squall_wire::record::{AbortCause, Phase};

/// Events a sample, as a share of the baseline's, up to which the traffic rests: probes go on.
const QUIET_SHARE: f64 = 0.05;

/// Whether a service is back, by the samples of one stretch without a fault.
#[derive(Debug)]
pub(super) struct Back {
    recovery: Recovery,
    since_us: u64,
    last_us: u64,
    /// Samples in a row that it takes: some, or all there are in a shorter stretch.
    asked: u64,
}

impl Back {
    /// Begins a stretch of this length.
    pub(super) fn new(script: &Script, since_us: u64, length_us: u64) -> Back {
        let indicators = &script.judged();
        let asked = (length_us / script.every_us.max(1)).clamp(1, u64::from(BACK_AFTER));
        let free = script.steps.iter().map(|step| step.hold_us).sum();
        let rule = Rule { consecutive: BACK_AFTER, ..script.rule(free) };
        let recovery = Recovery::new(rule, indicators);
        Back { recovery, since_us, last_us: since_us, asked }
    }

    pub(super) fn sample(&mut self, at_us: u64, readings: &[Reading]) -> Seen {
        self.last_us = at_us;
        let after_ms = at_us.saturating_sub(self.since_us) / 1_000;
        self.recovery.sample(after_ms, readings)
    }

    /// True once it has been inside for as many samples as are asked.
    pub(super) fn is_back(&self, every_us: u64) -> bool {
        let Some(inside_ms) = self.recovery.progress().inside_ms else { return false };
        let length_us = self.last_us.saturating_sub(self.since_us);
        // Samples are not taken to the microsecond.
        let asked_us = (self.asked - 1).saturating_mul(every_us).saturating_sub(every_us / 2);
        length_us.saturating_sub(inside_ms.saturating_mul(1_000)) >= asked_us
    }
}

/// A drain that is under way.
#[derive(Debug)]
pub(super) struct Drain {
    since_us: u64,
    /// How long the traffic rests next.
    pause_us: u64,
    /// Events of the last sample while it rests.
    events: Option<u64>,
    /// Set while the traffic flows again.
    back: Option<Back>,
}

impl Core {
    /// True where a slot without any fault is over, the service is not back, and a drain may help.
    pub(super) fn wants_drain(&self) -> bool {
        let goes_on = self.stop.is_none() && self.step + 1 < self.script.steps.len();
        let is_free = self.script.steps[self.step].injections.is_empty();
        let back = self.toggled.as_ref().is_some_and(|t| t.is_back(self.script.every_us));
        goes_on && is_free && !back && self.restored() && self.may_drain()
    }

    /// True where one more drain has time.
    pub(super) fn may_drain(&self) -> bool {
        self.fits_drain(0, self.slot_us())
    }

    fn fits_drain(&self, gone_us: u64, pause_us: u64) -> bool {
        let method_us: u64 = self.script.steps.iter().map(|step| step.hold_us).sum();
        let left_us = self.script.drain_us.min(method_us.saturating_sub(self.drained_us));
        gone_us.saturating_add(pause_us).saturating_add(self.settle_us()) <= left_us
    }

    fn slot_us(&self) -> u64 {
        self.script.steps[self.step].hold_us.max(self.script.every_us)
    }

    /// How long the service has to come back with its traffic: a slot, and some samples at least.
    fn settle_us(&self) -> u64 {
        self.slot_us().max(self.script.every_us.saturating_mul(u64::from(BACK_AFTER) + 2))
    }

    pub(super) fn begin_drain(&mut self) {
        self.enter(Phase::Draining);
        let pause_us = self.slot_us();
        self.drain = Some(Drain { since_us: self.now_us, pause_us, events: None, back: None });
        self.let_flow(false);
        self.open_window(pause_us);
    }

    pub(super) fn advance_draining(&mut self) {
        if self.stop.is_none() && !self.window_over() {
            return;
        }
        let Some(drain) = self.drain.as_ref().filter(|_| self.stop.is_none()) else {
            return self.end_drain();
        };
        let gone_us = self.now_us.saturating_sub(drain.since_us);
        let pause_us = drain.pause_us;
        let Some(back) = &drain.back else { return self.rested(gone_us, pause_us, drain.events) };
        let span = (back.since_us / 1_000, self.now_us / 1_000);
        if back.is_back(self.script.every_us) {
            let text = format!(
                "drained: the service was not back after slot {}, its traffic rested, and it was \
                 back with it after {}; none of these samples count",
                self.step + 1,
                words::seconds(gone_us as f64 / 1e6)
            );
            self.warn("drained", text);
            self.end_drain();
        } else if !self.pause_again(gone_us, pause_us.saturating_mul(2)) {
            self.not_back(span, gone_us);
        }
    }

    /// The traffic has rested: it flows again, unless something is still being worked off.
    fn rested(&mut self, gone_us: u64, pause_us: u64, events: Option<u64>) {
        if self.still_comes(events) {
            if !self.pause_again(gone_us, pause_us) {
                self.not_drained(gone_us);
            }
            return;
        }
        let back = Back::new(&self.script, self.now_us, self.settle_us());
        if let Some(drain) = &mut self.drain {
            drain.back = Some(back);
        }
        self.let_flow(true);
        self.open_window(self.settle_us());
    }

    /// Takes a sample of a drain: it says when the service is back, and nothing else.
    pub(super) fn drained_sample(&mut self, since_us: u64, readings: &[Reading]) -> Seen {
        let every_us = self.script.every_us;
        let nothing = Judged { status: Status::Empty, interval: None, e: None };
        let nothing = Seen { each: vec![nothing; readings.len()], strike: None, end: None };
        let Some(drain) = &mut self.drain else { return nothing };
        let Some(back) = &mut drain.back else {
            drain.events = readings.iter().filter_map(|r| r.counts).map(|c| c.total).max();
            return nothing;
        };
        let seen = back.sample(since_us, readings);
        let is_back = back.is_back(every_us);
        if let Some(toggled) = &mut self.toggled {
            toggled.note(since_us, &self.script.judged(), readings);
        }
        if is_back {
            self.close_window();
        }
        seen
    }

    /// Lets the traffic rest once more, for longer, where there is time for it.
    fn pause_again(&mut self, gone_us: u64, pause_us: u64) -> bool {
        if !self.fits_drain(gone_us, pause_us) {
            return false;
        }
        if let Some(drain) = &mut self.drain {
            (drain.pause_us, drain.events, drain.back) = (pause_us, None, None);
        }
        self.let_flow(false);
        self.open_window(pause_us);
        true
    }

    /// True where about as many events as before are counted although nothing is sent.
    fn still_comes(&self, events: Option<u64>) -> bool {
        let tallies = self.baseline.tallies();
        let usual = tallies.iter().filter_map(|tally| {
            let samples = u64::from(tally.numbers).max(1);
            tally.is_counted().then(|| tally.counts.total as f64 / samples as f64)
        });
        let usual = usual.fold(0.0, f64::max);
        events.is_some_and(|events| events as f64 > QUIET_SHARE * usual)
    }

    fn not_back(&mut self, span_ms: (u64, u64), gone_us: u64) {
        let text = format!(
            "outside its bounds without any fault, also after its traffic had rested, {} in all: \
             something else keeps it there",
            words::seconds(gone_us as f64 / 1e6)
        );
        if let Some(toggled) = &mut self.toggled {
            toggled.persists(span_ms);
        }
        self.end_early(Stop { cause: AbortCause::Rule, text, refused: false }, None);
        self.end_drain();
    }

    fn not_drained(&mut self, gone_us: u64) {
        let text = format!(
            "outside its bounds without any fault, and requests still came {} after the run's own \
             traffic was paused: others send some, or a queue is longer than that",
            words::seconds(gone_us as f64 / 1e6)
        );
        self.end_early(Stop { cause: AbortCause::Rule, text, refused: false }, None);
        self.end_drain();
    }

    fn end_drain(&mut self) {
        if let Some(drain) = self.drain.take() {
            let took_us = self.now_us.saturating_sub(drain.since_us);
            self.drained_us = self.drained_us.saturating_add(took_us);
        }
        self.let_flow(true);
        self.enter(Phase::Reverting);
    }

    fn let_flow(&mut self, flows: bool) {
        if self.flows != flows {
            self.flows = flows;
            self.out.push(Command::Traffic { flows });
        }
    }
}
