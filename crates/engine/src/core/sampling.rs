//! Owns when samples are taken in a window of time, and what each one leads to.

use super::event::Purpose;
use super::script::{PULL_SLACK_US, SAMPLE_GAP_US_MIN, Script};
use super::state::{Core, Stop};
use super::words;
use squall_judge::monitor::{End, Seen, Status};
use squall_judge::reading::{Counts, Reading};
use squall_wire::record::{self, AbortCause, Event as Recorded, Phase};

/// A window of time that is sampled: the baseline, a hold, the recovery.
#[derive(Debug, Clone)]
pub(super) struct Window {
    start_us: u64,
    end_us: u64,
    /// When the next sample is due; none before the reference is in and after the last one.
    next_us: Option<u64>,
    /// The pull that is under way.
    under_way: Option<UnderWay>,
    /// True once the last sample was judged.
    pub(super) over: bool,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    pull: u64,
    purpose: Purpose,
    since_us: u64,
}

impl Window {
    pub(super) fn wakeup_us(&self, script: &Script) -> Option<u64> {
        match self.under_way {
            Some(under_way) => Some(under_way.deadline_us(script)),
            None => self.next_us,
        }
    }

    /// When the sample after the one due at `due_us` is due: on the beat, the last one at the
    /// window's end.
    fn following(&self, due_us: u64, now_us: u64, every_us: u64) -> Option<u64> {
        if due_us >= self.end_us {
            return None;
        }
        let on_beat = due_us.saturating_add(every_us.max(SAMPLE_GAP_US_MIN));
        let soonest = now_us.saturating_add(SAMPLE_GAP_US_MIN);
        Some(on_beat.max(soonest).min(self.end_us.max(soonest)))
    }
}

impl UnderWay {
    fn deadline_us(self, script: &Script) -> u64 {
        self.since_us.saturating_add(script.every_us).saturating_add(PULL_SLACK_US)
    }
}

impl Core {
    /// Opens a window that begins now, with a reference pull.
    pub(super) fn open_window(&mut self, length_us: u64) {
        let pull = self.pull(Purpose::Reference);
        self.window = Some(Window {
            start_us: self.now_us,
            end_us: self.now_us.saturating_add(length_us.max(SAMPLE_GAP_US_MIN)),
            next_us: None,
            under_way: Some(UnderWay { pull, purpose: Purpose::Reference, since_us: self.now_us }),
            over: false,
        });
    }

    pub(super) fn window_over(&self) -> bool {
        self.window.as_ref().is_some_and(|window| window.over)
    }

    /// True where the window's end is no further away than this.
    pub(super) fn window_ends_within(&self, us: u64) -> bool {
        let end_us = self.window.as_ref().map(|window| window.end_us);
        end_us.is_some_and(|at| self.now_us.saturating_add(us) >= at)
    }

    /// Ends the window although its last sample is still awaited.
    pub(super) fn close_window(&mut self) {
        if let Some(window) = &mut self.window {
            window.over = true;
        }
    }

    pub(super) fn pulled(&mut self, pull: u64, readings: Vec<record::Reading>) {
        let every_us = self.script.every_us;
        let now_us = self.now_us;
        let Some(window) = &mut self.window else { return };
        let Some(under_way) = window.under_way.filter(|under_way| under_way.pull == pull) else {
            return;
        };
        window.under_way = None;
        match under_way.purpose {
            Purpose::Reference => {
                window.next_us = window.following(window.start_us, now_us, every_us);
            }
            Purpose::Sample => {
                window.next_us = window.following(under_way.since_us, now_us, every_us);
                window.over |= window.next_us.is_none();
                self.sample(under_way.since_us, readings);
            }
        }
    }

    pub(super) fn pass_window(&mut self) {
        let Some(window) = &mut self.window else { return };
        if let Some(under_way) = window.under_way {
            if self.now_us >= under_way.deadline_us(&self.script) {
                self.pulled(under_way.pull, Vec::new());
            }
            return;
        }
        if window.next_us.is_none_or(|at| self.now_us < at) {
            return;
        }
        // The beat counts from when a sample was due, so a late tick does not move the ones
        // after it.
        let due_us = window.next_us.take().unwrap_or(self.now_us);
        let pull = self.pull(Purpose::Sample);
        if let Some(window) = &mut self.window {
            let purpose = Purpose::Sample;
            window.under_way = Some(UnderWay { pull, purpose, since_us: due_us });
        }
    }

    fn sample(&mut self, since_us: u64, mut readings: Vec<record::Reading>) {
        let none =
            || record::Reading { gap: Some("no answer in time".into()), ..Default::default() };
        readings.resize_with(self.script.indicators.len(), none);
        let judged: Vec<Reading> = readings.iter().map(judged).collect();
        let phase = self.phase;
        let seen = match (phase, &mut self.recovery) {
            (Phase::Baseline, _) => self.baseline.sample(&judged),
            (Phase::Holding, _) => {
                if !self.script.steps[self.step].injections.is_empty() {
                    self.controls.sample(&readings);
                }
                self.held_sample(since_us, &judged)
            }
            (Phase::Draining, _) => self.drained_sample(since_us, &judged),
            (Phase::Recovering, Some(recovery)) => {
                let start_us = self.window.as_ref().map_or(since_us, |w| w.start_us);
                recovery.sample(since_us.saturating_sub(start_us) / 1_000, &judged)
            }
            _ => return,
        };
        for (reading, judged) in readings.iter_mut().zip(&seen.each) {
            reading.anomalous = judged.status == Status::Outside;
            reading.interval = judged.interval;
            reading.e = judged.e.filter(|_| phase == Phase::Holding);
        }
        let index = self.samples;
        self.samples += 1;
        let lines = self.outside_lines(&seen, &readings);
        self.record(Recorded::Sample(record::Sample { index, phase, readings }));
        match phase {
            Phase::Holding => self.judge_held_sample(&seen, &lines, since_us),
            // More of a baseline that is broken by the rule tells nothing new.
            Phase::Baseline if seen.end == Some(End::Strikes) => self.close_window(),
            _ => {}
        }
    }

    fn judge_held_sample(&mut self, seen: &Seen, lines: &str, since_us: u64) {
        if let Some(strike) = &seen.strike {
            self.record(Recorded::Strike {
                count: strike.count,
                of: strike.of,
                indicators: strike.indicators.clone(),
                text: lines.to_owned(),
            });
        }
        let Some(end) = seen.end else {
            self.ask_bites();
            return;
        };
        let rule = self.hold.rule();
        // Evidence about the run as a whole is the mean of its indicators'; each has its own too.
        let of = match self.script.indicators.len() {
            0 | 1 => String::new(),
            n => format!(" over {n} indicators"),
        };
        let evidence = self
            .hold
            .evidence()
            .map_or(String::new(), |e| format!(", E {}{of}", words::evidence(e)));
        let limit = 1.0 / rule.alpha;
        let consecutive = rule.consecutive;
        let (cause, text) = match end {
            End::Strikes => (
                AbortCause::Rule,
                format!("{consecutive} anomalous samples in a row{evidence} (limit {limit:.0})"),
            ),
            End::Evidence => {
                (AbortCause::Rule, format!("the evidence reached its limit{evidence} ({limit:.0})"))
            }
            End::NoData => (AbortCause::NoData, self.silent_line(seen)),
        };
        let decided_us = Some(self.now_us.saturating_sub(since_us));
        self.end_early(Stop { cause, text, refused: false }, decided_us);
    }
}

/// What the judge is to see of a reading.
fn judged(reading: &record::Reading) -> Reading {
    let counts = reading.total.map(|total| Counts {
        total,
        bad_least: reading.bad_least.unwrap_or(0),
        bad_most: reading.bad_most.or(reading.bad_least).unwrap_or(total),
    });
    Reading { value: reading.value, counts, gap: reading.gap.clone() }
}
