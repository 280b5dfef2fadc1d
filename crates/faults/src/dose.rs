//! How far the dose delivered may be from the dose asked for: a fault that did something else than
//! it was asked for proves nothing about what was asked.

use squall_wire::injection::Bite;

/// A run must not be invalid by chance more often than once in 1,000 times: the two-sided
/// quantile of the normal distribution.
const CHANCE_Z: f64 = 3.29;

/// What a fault promises of its dose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// It has no dose, or its bite says by itself how far off it may be.
    Own,
    /// A share of what was asked: 0.1 is a tenth more or less.
    Relative(f64),
    /// So much more or less, in the dose's own unit.
    Absolute(f64),
    /// The dose is a share in percent of what the bite has seen, hit by chance.
    Binomial,
}

impl Tolerance {
    /// The most by which the dose may be off, in the dose's own unit; `None` where no bound is
    /// known.
    pub fn allowed(self, bite: &Bite) -> Option<f64> {
        let asked = bite.asked?;
        match self {
            Tolerance::Own => bite.tolerance,
            Tolerance::Relative(share) => Some(asked.abs() * share),
            Tolerance::Absolute(most) => Some(most),
            Tolerance::Binomial => Some(by_chance(asked, bite.seen)),
        }
    }

    /// The rule for people.
    pub fn word(self) -> String {
        match self {
            Tolerance::Own => "as the fault says of each use".to_owned(),
            Tolerance::Relative(share) => format!("{:.0}% of what was asked", share * 100.0),
            Tolerance::Absolute(most) => format!("{most}, in the unit of the dose"),
            Tolerance::Binomial => "what chance explains, 999 times in 1,000".to_owned(),
        }
    }
}

/// How far a share in percent may be off by chance alone after so many trials.
pub fn by_chance(percent: f64, trials: u64) -> f64 {
    if trials == 0 {
        return 100.0;
    }
    let (share, trials) = (percent / 100.0, trials as f64);
    // Half a trial more, since hits are counted in whole ones.
    100.0 * (CHANCE_Z * (share * (1.0 - share) / trials).max(0.0).sqrt() + 0.5 / trials)
}

/// A bite whose dose is the share of what matched, in percent; nothing is said of a share that
/// leaves nothing to chance, or before the first trial.
#[cfg(feature = "effects")]
pub(crate) fn of_share(bite: Bite, share: f64, spared: u64) -> Bite {
    let (percent, trials) = (share * 100.0, bite.hits + spared);
    if share >= 1.0 || trials == 0 {
        return bite;
    }
    Bite {
        asked: Some(percent),
        delivered: Some(bite.hits as f64 / trials as f64 * 100.0),
        tolerance: Some(by_chance(percent, trials)),
        ..bite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bite(asked: f64, seen: u64) -> Bite {
        Bite { asked: Some(asked), seen, ..Bite::default() }
    }

    #[test]
    fn each_rule_says_how_far_a_dose_may_be_off() {
        assert_eq!(Tolerance::Relative(0.1).allowed(&bite(50.0, 1)), Some(5.0));
        assert_eq!(Tolerance::Absolute(2.0).allowed(&bite(50.0, 1)), Some(2.0));
        assert_eq!(Tolerance::Own.allowed(&bite(50.0, 1)), None);
        let own = Bite { tolerance: Some(3.0), ..bite(50.0, 1) };
        assert_eq!(Tolerance::Own.allowed(&own), Some(3.0));
        assert_eq!(Tolerance::Relative(0.1).allowed(&Bite::default()), None);
    }

    #[test]
    fn chance_allows_much_of_few_trials_and_little_of_many() {
        let few = Tolerance::Binomial.allowed(&bite(10.0, 10)).unwrap_or_default();
        let many = Tolerance::Binomial.allowed(&bite(10.0, 10_000)).unwrap_or_default();
        assert!((30.0..45.0).contains(&few), "{few}");
        assert!((0.9..1.1).contains(&many), "{many}");
        assert_eq!(by_chance(10.0, 0), 100.0);
        assert_eq!(by_chance(100.0, 100), 0.5);
    }
}
