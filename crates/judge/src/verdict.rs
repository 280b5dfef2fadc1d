//! Owns the word of a run: held, refuted, aborted, inconclusive or invalid, with its exit code.

use crate::outcome::Outcome;

/// The five verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The steady state held, and there was enough data to know.
    Held,
    /// The steady state broke.
    Refuted,
    /// Stopped before the data could decide.
    Aborted,
    /// Too little data.
    Inconclusive,
    /// The fault had no effect or another dose than asked, or the baseline broke the steady state
    /// already.
    Invalid,
}

/// What the check before the faults said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Every indicator was inside its bound.
    Met,
    /// One was outside: nothing was injected.
    Broken,
    /// One had no data: nothing was injected.
    NoData,
    /// The run was stopped before it was checked.
    Unchecked,
}

/// What one fault showed of its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bitten {
    /// It hurt.
    Yes,
    /// It was in place and touched nothing.
    No,
    /// It hurt, but not with the dose that was asked for.
    Off,
    /// Nobody could say.
    Unknown,
}

/// What the window after the faults said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The service came back inside its bounds.
    Recovered,
    /// It had numbers, and was not inside its bounds at the end of the time allowed.
    NotRecovered,
    /// There is no data, or the window was cut short.
    Unknown,
}

/// Why a run was ended early, as far as the word depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By the abort rule.
    Rule,
    /// An indicator had no data for too long.
    NoData,
    /// The agent refused a fault, and nothing was changed by it.
    Refused,
    /// By a person, or because the agent, the target or the fault was gone.
    Outside,
}

/// Everything the word depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The check before the faults.
    pub before: Before,
    /// Set where the run was ended before its planned end.
    pub stop: Option<Stop>,
    /// One entry a fault; empty where none was in place.
    pub bites: Vec<Bitten>,
    /// One entry an indicator, over the time the faults were on.
    pub outcomes: Vec<Outcome>,
    /// The window after the faults.
    pub after: After,
    /// False where something of a fault is still there.
    pub restored: bool,
}

/// Exit code: held.
pub const EXIT_HELD: u8 = 0;
/// Exit code: refuted.
pub const EXIT_REFUTED: u8 = 1;
/// Exit code: refused.
pub const EXIT_REFUSED: u8 = 2;
/// Exit code: stopped before the data could decide, and restored.
pub const EXIT_ABORTED: u8 = 3;
/// Exit code: inconclusive or invalid.
pub const EXIT_UNDECIDED: u8 = 4;
/// Exit code: a person must act.
pub const EXIT_NOT_RESTORED: u8 = 5;

/// Returns the word.
pub fn word(facts: &Facts) -> Word {
    match facts.before {
        Before::Broken => return Word::Invalid,
        Before::NoData => return Word::Inconclusive,
        Before::Unchecked => return Word::Aborted,
        Before::Met => {}
    }
    let in_place = !facts.bites.is_empty();
    // Neither says anything about the fault that was asked for.
    let missed = facts.bites.iter().any(|b| matches!(b, Bitten::No | Bitten::Off));
    let failed = facts.stop == Some(Stop::Rule)
        || facts.outcomes.contains(&Outcome::Fail)
        || (facts.stop.is_none() && facts.after == After::NotRecovered);
    match facts.stop {
        // What broke while the fault did something else says nothing about the hypothesis.
        _ if in_place && failed && missed => Word::Invalid,
        _ if in_place && failed => Word::Refuted,
        Some(Stop::Outside | Stop::Refused) => Word::Aborted,
        _ if missed => Word::Invalid,
        Some(Stop::NoData | Stop::Rule) => Word::Inconclusive,
        None => whole(facts),
    }
}

/// Returns the exit code of a word.
pub fn exit(facts: &Facts, word: Word) -> u8 {
    match word {
        _ if !facts.restored => EXIT_NOT_RESTORED,
        Word::Held => EXIT_HELD,
        Word::Refuted => EXIT_REFUTED,
        Word::Aborted if facts.stop == Some(Stop::Refused) => EXIT_REFUSED,
        Word::Aborted => EXIT_ABORTED,
        Word::Inconclusive | Word::Invalid => EXIT_UNDECIDED,
    }
}

fn whole(facts: &Facts) -> Word {
    let passed = !facts.outcomes.is_empty() && facts.outcomes.iter().all(|o| *o == Outcome::Pass);
    let bitten = !facts.bites.is_empty() && facts.bites.iter().all(|b| *b == Bitten::Yes);
    let back = facts.after == After::Recovered;
    if passed && bitten && back { Word::Held } else { Word::Inconclusive }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            before: Before::Met,
            stop: None,
            bites: vec![Bitten::Yes],
            outcomes: vec![Outcome::Pass, Outcome::Pass],
            after: After::Recovered,
            restored: true,
        }
    }

    fn check(change: impl FnOnce(&mut Facts), expected: (Word, u8)) {
        let mut facts = good();
        change(&mut facts);
        let word = word(&facts);
        assert_eq!((word, exit(&facts, word)), expected, "{facts:?}");
    }

    #[test]
    fn each_way_to_end_has_its_word_and_its_code() {
        use Word::{Aborted, Held, Inconclusive, Invalid, Refuted};
        check(|_| {}, (Held, 0));
        check(|f| f.outcomes[1] = Outcome::Fail, (Refuted, 1));
        check(|f| f.stop = Some(Stop::Rule), (Refuted, 1));
        check(|f| f.after = After::NotRecovered, (Refuted, 1));
        check(|f| f.outcomes[1] = Outcome::Undecided, (Inconclusive, 4));
        check(|f| f.after = After::Unknown, (Inconclusive, 4));
        check(|f| f.stop = Some(Stop::NoData), (Inconclusive, 4));
        check(|f| f.bites = vec![Bitten::Unknown], (Inconclusive, 4));
        check(|f| f.bites = vec![Bitten::Yes, Bitten::No], (Invalid, 4));
        check(|f| f.bites = vec![Bitten::Yes, Bitten::Off], (Invalid, 4));
        check(|f| f.before = Before::Broken, (Invalid, 4));
        check(|f| f.before = Before::NoData, (Inconclusive, 4));
        check(|f| f.before = Before::Unchecked, (Aborted, 3));
        check(|f| f.stop = Some(Stop::Outside), (Aborted, 3));
        check(|f| f.stop = Some(Stop::Refused), (Aborted, 2));
    }

    #[test]
    fn what_the_data_decided_stands_when_a_person_stops_the_run() {
        let stopped = |f: &mut Facts| {
            f.stop = Some(Stop::Outside);
            f.outcomes[0] = Outcome::Fail;
        };
        check(stopped, (Word::Refuted, 1));
    }

    #[test]
    fn a_failure_beside_a_fault_that_touched_nothing_is_not_the_faults() {
        let change = |f: &mut Facts| {
            f.stop = Some(Stop::Rule);
            f.bites = vec![Bitten::No];
        };
        check(change, (Word::Invalid, 4));
    }

    #[test]
    fn a_failure_under_another_dose_is_not_the_doses() {
        let change = |f: &mut Facts| {
            f.outcomes[0] = Outcome::Fail;
            f.bites = vec![Bitten::Off];
        };
        check(change, (Word::Invalid, 4));
    }

    #[test]
    fn what_is_not_restored_needs_a_person_whatever_the_word() {
        check(|f| f.restored = false, (Word::Held, 5));
    }

    #[test]
    fn no_indicators_and_no_faults_are_never_held() {
        check(|f| f.outcomes.clear(), (Word::Inconclusive, 4));
        check(|f| f.bites.clear(), (Word::Inconclusive, 4));
    }
}
