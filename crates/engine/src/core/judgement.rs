//! Owns the checks before and after, and the verdict with its evidence.

use super::arms::Controls;
use super::event::Command;
use super::slot::Stage;
use super::state::Core;
use super::toggled::Toggled;
use super::words;
use squall_judge::bursts::Bursts;
use squall_judge::monitor::{Seen, Status, Watch};
use squall_judge::outcome::{Outcome, Tally};
use squall_judge::verdict::{self, After, Before, Bitten, Facts, Word};
use squall_wire::record::{self, AbortCause, Event as Recorded, Phase, When};

impl Core {
    /// Decides whether the steady state was there before anything is touched.
    pub(super) fn check_before(&mut self) {
        let consecutive = self.script.consecutive;
        let tallies = self.baseline.tallies();
        let met: Vec<Option<bool>> = tallies.iter().map(|t| t.met(consecutive)).collect();
        let lines = self.check_lines(&tallies, true);
        self.before = if met.contains(&Some(false)) {
            Before::Broken
        } else if met.contains(&None) || met.is_empty() {
            Before::NoData
        } else {
            Before::Met
        };
        let when = When::Before;
        let met = self.before == Before::Met;
        self.record(Recorded::Check(record::Check { when, met, lines: lines.clone() }));
        let what = match self.before {
            Before::Broken => "the steady state does not hold before any fault",
            Before::NoData => "an indicator has no data before any fault",
            Before::Met | Before::Unchecked => return self.expect_bursts(),
        };
        let cause =
            if self.before == Before::Broken { AbortCause::Baseline } else { AbortCause::NoData };
        let text = format!("{what}: {}", lines.join(", "));
        self.end_early(super::state::Stop { cause, text, refused: false }, None);
    }

    /// What the baseline showed in bursts is expected in bursts while the faults are on.
    fn expect_bursts(&mut self) {
        let bursts: Vec<Bursts> =
            self.baseline.tallies().iter().map(|t| t.bursts.clone()).collect();
        let script = &self.script;
        self.hold = Watch::new(script.hold_rule(), &script.judged()).with_baseline(&bursts);
        self.toggled = Toggled::of(script, &script.judged()).map(|t| t.with_baseline(&bursts));
        self.controls = Controls::with_baseline(script, &bursts);
        let rhos: Vec<f64> = bursts.iter().map(Bursts::rho).collect();
        let bursty = script.indicators.iter().zip(&rhos).filter(|(_, rho)| **rho > 0.0);
        let names: Vec<String> =
            bursty.map(|(indicator, rho)| format!("{} (rho {rho:.3})", indicator.name)).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            let text = format!(
                "bad events come in bursts before any fault: {names}; a strike takes more of them"
            );
            self.warn("bursts", text);
        }
    }

    /// What is outside in this sample, in one line.
    pub(super) fn outside_lines(&self, seen: &Seen, readings: &[record::Reading]) -> String {
        let all = self.script.indicators.iter().zip(readings).zip(&seen.each);
        let outside = all.filter(|(_, judged)| judged.status == Status::Outside);
        let lines: Vec<String> =
            outside.map(|((indicator, reading), _)| words::reading(indicator, reading)).collect();
        lines.join(", ")
    }

    /// Which indicators are silent, in one line.
    pub(super) fn silent_line(&self, seen: &Seen) -> String {
        let silent = |status| matches!(status, Status::Missing | Status::Empty);
        let all = self.script.indicators.iter().zip(&seen.each);
        let names: Vec<&str> = all
            .filter(|(_, judged)| silent(judged.status))
            .map(|(indicator, _)| indicator.name.as_str())
            .collect();
        format!("no data for too long: {}", names.join(", "))
    }

    /// Judges the run and ends it.
    pub(super) fn judge(&mut self) {
        let facts = self.facts();
        let word = verdict::word(&facts);
        let exit = verdict::exit(&facts, word);
        if word == Word::Held {
            let seen = |tally: &&Tally| tally.numbers > 0 && tally.gaps == 0;
            assert!(self.hold.tallies().iter().all(seen), "held is never said without data");
            assert!(self.slots.iter().all(|slot| slot.was_armed), "held needs every fault");
        }
        let verdict = record::Verdict {
            word: recorded_word(word),
            sentence: self.sentence(&facts, word),
            exit,
            indicators: self.indicator_verdicts(&facts.outcomes),
            aborted: self.stop.as_ref().map(|stop| stop.cause),
            restored: facts.restored,
            advice: self.advice(&facts, word),
            excess_bad: self.hold.tallies().iter().map(|t| t.excess()).sum(),
            effects: self.effects(),
            controls: self.controls(),
        };
        self.record(Recorded::Verdict(Box::new(verdict)));
        self.phase = Phase::Done;
        self.calls.clear();
        self.out.push(Command::Finish { exit });
    }

    fn facts(&self) -> Facts {
        let stop = self.stop.as_ref().map(|stop| match stop.cause {
            AbortCause::Rule => verdict::Stop::Rule,
            AbortCause::NoData => verdict::Stop::NoData,
            _ if stop.refused => verdict::Stop::Refused,
            _ => verdict::Stop::Outside,
        });
        let bitten = |slot: &super::slot::Slot| match &slot.bite {
            Some(bite) if bite.hits == 0 => Bitten::No,
            Some(bite) if bite.is_off() => Bitten::Off,
            Some(_) => Bitten::Yes,
            None => Bitten::Unknown,
        };
        // A fault that was left out by a pause has shown nothing.
        let armed = self.slots.iter().any(|slot| slot.was_armed);
        let left_out = |slot: &&super::slot::Slot| slot.was_armed || (armed && stop.is_none());
        Facts {
            before: self.before,
            stop,
            bites: self.slots.iter().filter(left_out).map(bitten).collect(),
            outcomes: self.outcomes(stop == Some(verdict::Stop::Rule)),
            after: self.recovered(),
            restored: self.restored(),
        }
    }

    fn outcomes(&self, by_rule: bool) -> Vec<Outcome> {
        let tallies = self.hold.tallies();
        let (alpha, consecutive) = (self.script.false_alarm, self.script.consecutive);
        let mut outcomes: Vec<_> = tallies.iter().map(|t| t.outcome(alpha, consecutive)).collect();
        if by_rule && !outcomes.contains(&Outcome::Fail) {
            // The rule counts samples, whichever indicator was outside: the ones that were
            // outside at the end broke it together.
            let struck = |i: &usize| tallies[*i].strikes_in_row > 0;
            for i in (0..outcomes.len()).filter(struck) {
                outcomes[i] = Outcome::Fail;
            }
        }
        outcomes
    }

    fn recovered(&self) -> After {
        let Some(recovery) = &self.recovery else { return After::Unknown };
        let progress = recovery.progress();
        let struck = recovery.watch().tallies().iter().any(|tally| tally.strikes > 0);
        match progress.inside_ms {
            Some(_) => After::Recovered,
            None if progress.had_data && struck => After::NotRecovered,
            None => After::Unknown,
        }
    }

    /// Records how the service came back.
    pub(super) fn record_recovery(&mut self) {
        let after = self.recovered();
        let Some(recovery) = &self.recovery else { return };
        let progress = recovery.progress();
        let tallies = recovery.watch().tallies();
        let lines = self.check_lines(&tallies, false);
        let allowed_s = self.script.recovery_us as f64 / 1e6;
        let at = |ms: u64| words::seconds(ms as f64 / 1e3);
        let text = match (after, progress.inside_ms, progress.confirmed_ms) {
            (After::Recovered, Some(inside), Some(sure)) => {
                format!("inside every bound after {}, confirmed after {}", at(inside), at(sure))
            }
            (After::Recovered, Some(inside), None) => format!(
                "inside every bound after {}, too little data to confirm it in {}",
                at(inside),
                words::seconds(allowed_s)
            ),
            (After::NotRecovered, ..) => {
                format!("not inside every bound within {}", words::seconds(allowed_s))
            }
            _ => "no data after the restore".to_string(),
        };
        let (inside_ms, confirmed_ms) = (progress.inside_ms, progress.confirmed_ms);
        self.record(Recorded::Recover { inside_ms, confirmed_ms, text });
        let met = after == After::Recovered;
        self.record(Recorded::Check(record::Check { when: When::After, met, lines }));
    }

    /// One line an indicator: its value over the whole window, or that of the last sample.
    fn check_lines(&self, tallies: &[&Tally], whole: bool) -> Vec<String> {
        let line = |(indicator, tally): (&record::Indicator, &&Tally)| {
            let value = if !whole {
                tally.last
            } else if indicator.bad_share.is_some() && indicator.unit == record::Unit::Share {
                tally.value()
            } else {
                tally.last
            };
            let shown = value.map_or("no data".into(), |v| words::value(indicator, v));
            format!("{} {shown} {}", indicator.name, indicator.expect)
        };
        self.script.indicators.iter().zip(tallies).map(line).collect()
    }

    fn indicator_verdicts(&self, outcomes: &[Outcome]) -> Vec<record::IndicatorVerdict> {
        let alpha = self.script.false_alarm;
        let baseline = self.baseline.tallies();
        let all = self.hold.tallies().into_iter().zip(baseline).zip(outcomes);
        let one = |((tally, before), outcome): ((&Tally, &Tally), &Outcome)| {
            let counted = tally.is_counted();
            record::IndicatorVerdict {
                outcome: match outcome {
                    Outcome::Pass => record::Outcome::Pass,
                    Outcome::Fail => record::Outcome::Fail,
                    Outcome::Undecided => record::Outcome::Undecided,
                },
                baseline: before.value(),
                worst: tally.worst,
                bad_share: tally.bad_share(),
                interval: tally.interval(alpha),
                total: counted.then_some(tally.counts.total),
                bad: counted.then_some(tally.counts.bad_least),
                strikes: tally.strikes,
                e: tally.e,
                gaps: tally.gaps,
                text: String::new(),
            }
        };
        let mut out: Vec<_> = all.map(one).collect();
        for (verdict, indicator) in out.iter_mut().zip(&self.script.indicators) {
            verdict.text = super::sentence::evidence(indicator, verdict);
        }
        out
    }

    /// What is left of faults, one line each.
    pub(super) fn left_over(&self) -> Vec<String> {
        let stuck = self.slots.iter().filter(|slot| slot.stage == Stage::Stuck);
        let mut lines: Vec<String> = stuck
            .map(|slot| {
                let target = &slot.injection.target.name;
                format!("{} on {target}: {}", slot.injection.fault, slot.residue.join(", "))
            })
            .collect();
        let remained = self.after.remained().iter();
        lines.extend(remained.map(|d| format!("{}: {} appeared", d.category, d.fact)));
        lines
    }
}

fn recorded_word(word: Word) -> record::Word {
    match word {
        Word::Held => record::Word::Held,
        Word::Refuted => record::Word::Refuted,
        Word::Aborted => record::Word::Aborted,
        Word::Inconclusive => record::Word::Inconclusive,
        Word::Invalid => record::Word::Invalid,
    }
}
