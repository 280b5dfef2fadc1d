//! Owns the sentence of a verdict and what to try next.

use super::slot::Stage;
use super::state::Core;
use super::words;
use squall_judge::decide::seconds_to_held;
use squall_judge::outcome::Outcome;
use squall_judge::verdict::{After, Before, Bitten, Facts, Stop, Word};
use squall_wire::injection::{Bite, Injection};
use squall_wire::record::{Indicator, IndicatorVerdict, Unit};

/// The evidence for one indicator in one line.
pub(super) fn evidence(indicator: &Indicator, verdict: &IndicatorVerdict) -> String {
    let gaps = match verdict.gaps {
        0 => String::new(),
        gaps => format!(", {gaps} samples without data"),
    };
    if let (Some(total), Some(bad), Some((low, high))) =
        (verdict.total, verdict.bad, verdict.interval)
    {
        let word = &indicator.bad_word;
        let (bad, total) = (words::count(bad), words::count(total));
        let (low, high) = (words::share(low), words::share(high));
        return format!("{bad} of {total} {word}, a share of {low} to {high}{gaps}");
    }
    let worst = verdict.worst.map_or("no data".into(), |v| words::value(indicator, v));
    format!("worst {worst}{gaps}")
}

impl Core {
    /// One sentence with the numbers that matter.
    pub(super) fn sentence(&self, facts: &Facts, word: Word) -> String {
        if !facts.restored {
            return format!("not restored: {}", self.left_over().join("; "));
        }
        let stopped = self.stop.as_ref().map(|stop| stop.text.clone());
        match word {
            Word::Held => self.of(facts, Outcome::Pass, "stayed"),
            Word::Refuted if facts.outcomes.contains(&Outcome::Fail) => {
                self.of(facts, Outcome::Fail, "did not stay")
            }
            Word::Refuted if facts.after == After::NotRecovered => {
                let within = words::seconds(self.script.recovery_us as f64 / 1e6);
                format!("the service was not back inside its bounds within {within}")
            }
            // Before the first fault there was nothing to decide yet.
            Word::Aborted
                if facts.stop == Some(Stop::Outside) && facts.before != Before::Unchecked =>
            {
                format!("{}, before the data could decide", stopped.unwrap_or_default())
            }
            Word::Refuted | Word::Aborted => stopped.unwrap_or_default(),
            Word::Invalid if facts.bites.contains(&Bitten::No) => self.no_effect(),
            Word::Invalid if facts.bites.contains(&Bitten::Off) => self.other_dose(),
            Word::Invalid => stopped.unwrap_or_default(),
            Word::Inconclusive => match stopped {
                Some(text) => text,
                None => self.undecided(facts),
            },
        }
    }

    /// What to try next, best first.
    pub(super) fn advice(&self, facts: &Facts, word: Word) -> Vec<String> {
        if !facts.restored {
            let stuck = self.slots.iter().filter(|slot| slot.stage == Stage::Stuck);
            let mut advice: Vec<String> = stuck.filter_map(|slot| slot.advice.clone()).collect();
            advice.push("squall undo".into());
            advice.dedup();
            return advice;
        }
        match word {
            Word::Inconclusive if facts.stop.is_none() => self.longer_hold(facts),
            Word::Inconclusive => {
                vec!["check that the sources answer and that there is traffic".into()]
            }
            Word::Invalid if facts.bites.contains(&Bitten::No) => {
                vec!["check that traffic reaches the target, and the `where` of the fault".into()]
            }
            Word::Invalid if facts.bites.contains(&Bitten::Off) => {
                vec!["ask for a dose that this host can give, or free what it lacks".into()]
            }
            Word::Invalid => {
                vec!["mend the service or the bound first: no fault was injected".into()]
            }
            Word::Aborted if facts.stop == Some(Stop::Refused) => {
                let refused = self.slots.iter().filter(|slot| slot.stage == Stage::Refused);
                let mut advice: Vec<String> =
                    refused.filter_map(|slot| slot.advice.clone()).collect();
                if advice.is_empty() {
                    advice.push("squall doctor".into());
                }
                advice.dedup();
                advice
            }
            _ => Vec::new(),
        }
    }

    fn of(&self, facts: &Facts, outcome: Outcome, verb: &str) -> String {
        let tallies = self.hold.tallies();
        let all = self.script.indicators.iter().zip(tallies).zip(&facts.outcomes);
        let lines: Vec<String> = all
            .filter(|(_, o)| **o == outcome)
            .map(|((indicator, tally), _)| {
                let (name, expect) = (&indicator.name, &indicator.expect);
                let word = &indicator.bad_word;
                if tally.is_counted() {
                    let (bad, total) =
                        (words::count(tally.counts.bad_least), words::count(tally.counts.total));
                    return format!("{name} {verb} {expect}: {bad} of {total} {word}");
                }
                let worst = tally.worst.map_or("no data".into(), |v| words::value(indicator, v));
                format!("{name} {verb} {expect}: worst {worst}")
            })
            .collect();
        lines.join("; ")
    }

    fn no_effect(&self) -> String {
        let idle = self
            .slots
            .iter()
            .filter(|slot| slot.was_armed && slot.bite.as_ref().is_some_and(|bite| bite.hits == 0));
        let lines: Vec<String> = idle
            .map(|slot| {
                let seen = slot.bite.as_ref().map_or(0, |bite| bite.seen);
                let detail = slot.bite.as_ref().map_or("", |bite| bite.detail.as_str());
                let target = &slot.injection.target.name;
                let fault = &slot.injection.fault;
                let line =
                    format!("{fault} had no effect on {target}: 0 of {}", words::count(seen));
                if detail.is_empty() { line } else { format!("{line}; {detail}") }
            })
            .collect();
        lines.join("; ")
    }

    fn other_dose(&self) -> String {
        let off = self.slots.iter().filter(|slot| slot.was_armed);
        let lines = off.filter_map(|slot| {
            let bite = slot.bite.as_ref().filter(|bite| bite.is_off())?;
            missed(&slot.injection, bite)
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    fn undecided(&self, facts: &Facts) -> String {
        if facts.bites.contains(&Bitten::Unknown) {
            return "nobody could say whether the fault had an effect".into();
        }
        let tallies = self.hold.tallies();
        let all = self.script.indicators.iter().zip(tallies).zip(&facts.outcomes);
        let lines: Vec<String> = all
            .filter(|(_, outcome)| **outcome == Outcome::Undecided)
            .map(|((indicator, tally), _)| {
                let name = &indicator.name;
                if tally.gaps > 0 {
                    return format!("{name}: {} samples without data", tally.gaps);
                }
                match (tally.value(), indicator.unit) {
                    (Some(value), Unit::Share) if tally.is_counted() => {
                        let total = words::count(tally.counts.total);
                        let (is, bound) = (words::share(value), words::share(indicator.bound));
                        format!("{name}: {total} events cannot tell {is} from {bound}")
                    }
                    _ => format!("{name}: too little data for {}", indicator.expect),
                }
            })
            .collect();
        if lines.is_empty() { "the recovery could not be seen".into() } else { lines.join("; ") }
    }

    fn longer_hold(&self, facts: &Facts) -> Vec<String> {
        let hold_us: u64 = self.script.steps.iter().map(|step| step.hold_us).sum();
        let hold_s = (hold_us as f64 / 1e6).max(1e-3);
        let tallies = self.hold.tallies();
        let undecided =
            tallies.iter().zip(&facts.outcomes).filter(|(_, o)| **o == Outcome::Undecided);
        let needed = undecided.filter_map(|(tally, _)| {
            let rate = tally.counts.total as f64 / hold_s;
            let share = tally.bad_share()?;
            let allowed = tally.indicator.bad_share?;
            seconds_to_held(rate, share, allowed, self.script.false_alarm)
        });
        let longest = needed.fold(0.0, f64::max);
        if longest <= hold_s {
            return vec!["ask again with a longer hold or more traffic".into()];
        }
        let minutes = longest / 60.0;
        let hold = if minutes >= 2.0 {
            format!("{:.0}m", minutes.ceil())
        } else {
            format!("{longest:.0}s")
        };
        vec![format!("ask again with hold: {hold}, or with a wider bound")]
    }
}

/// What was delivered, what was asked, and how far apart the two may be.
fn missed(injection: &Injection, bite: &Bite) -> Option<String> {
    let (fault, target) = (&injection.fault, &injection.target.name);
    let (asked, delivered) = (bite.asked?, bite.delivered?);
    let unit = injection.unit_of(asked);
    let amount = |value: f64| match unit.as_str() {
        "" | "%" => format!("{}{unit}", words::number(value)),
        unit => format!("{} {unit}", words::number(value)),
    };
    let allowed = bite.tolerance.map(|most| format!(", at most {} off allowed", amount(most)));
    let (delivered, asked, allowed) =
        (amount(delivered), amount(asked), allowed.unwrap_or_default());
    let detail = &bite.detail;
    Some(format!(
        "{fault} on {target} missed its dose: {delivered} delivered, {asked} asked{allowed}; {detail}"
    ))
}
