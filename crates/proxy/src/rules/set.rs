//! A checked list of rules.

use std::time::Duration;

use super::{
    Matcher,
    effect::{Effect, MAX_DELAY},
    share::Share,
};

/// The most rules in a set: each is tried on every request, and a fault needs one or two.
pub const MAX_RULES: usize = 64;

/// One rule: which exchanges, how many of them, and what happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// A number of the caller's choosing, for its own records.
    pub id: u32,
    /// Which requests.
    pub matcher: Matcher,
    /// How many of those.
    pub share: Share,
    /// Whether the request or its response is hurt.
    pub side: Side,
    /// What happens to it.
    pub effect: Effect,
}

/// Which half of an exchange an effect acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the service sees the request.
    Request,
    /// After the service answered, before the client sees it.
    Response,
}

/// A checked list of rules with the seed of its dice.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) seed: u64,
}

/// Why a rule cannot be armed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RuleError {
    /// Too many rules.
    #[error("arm {count} rules: the limit is {MAX_RULES}")]
    TooMany {
        /// How many were given.
        count: usize,
    },
    /// The share is no share.
    #[error("arm rule {id}: a share of {share} is not between 0 and 1")]
    Share {
        /// The rule.
        id: u32,
        /// What was given.
        share: f64,
    },
    /// The delay is too long.
    #[error("arm rule {id}: a delay of {delay:?} is beyond the limit of {MAX_DELAY:?}")]
    Delay {
        /// The rule.
        id: u32,
        /// What was given, mean and jitter together.
        delay: Duration,
    },
    /// A value is beyond a limit.
    #[error("arm rule {id}: {what}")]
    Limit {
        /// The rule.
        id: u32,
        /// The limit.
        what: &'static str,
    },
    /// A header cannot be sent, or must not be changed.
    #[error("arm rule {id}: header {name:?}: {why}")]
    Field {
        /// The rule.
        id: u32,
        /// The header.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The header condition cannot be read.
    #[error("read header condition {text:?}: write name=value or name:prefix")]
    Header {
        /// What was given.
        text: String,
    },
}

impl RuleSet {
    /// Returns the set if every rule is within the limits.
    ///
    /// # Errors
    /// Names the first rule that is not.
    pub fn new(mut rules: Vec<Rule>, seed: u64) -> Result<RuleSet, RuleError> {
        if rules.len() > MAX_RULES {
            return Err(RuleError::TooMany { count: rules.len() });
        }
        for rule in &mut rules {
            let id = rule.id;
            if !(0.0..=1.0).contains(&rule.share.of) {
                return Err(RuleError::Share { id, share: rule.share.of });
            }
            rule.effect.check(id, rule.side)?;
            // An effect on gRPC would break what is not.
            rule.matcher.grpc |= rule.effect.is_grpc();
        }
        Ok(RuleSet { rules, seed })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use crate::rules::Delay;

    #[test]
    fn a_set_within_the_limits_is_armed_and_another_is_not() {
        let rule = |share, mean_s| Rule {
            id: 3,
            matcher: Matcher::default(),
            share: Share::random(share),
            side: Side::Request,
            effect: Effect::Delay(Delay::exactly(Duration::from_secs(mean_s))),
        };
        assert!(RuleSet::new(vec![rule(1.0, 600)], 0).is_ok());
        let text = |rules| RuleSet::new(rules, 0).unwrap_err().to_string();
        assert_eq!(text(vec![rule(1.5, 1)]), "arm rule 3: a share of 1.5 is not between 0 and 1");
        assert_eq!(
            text(vec![rule(f64::NAN, 1)]),
            "arm rule 3: a share of NaN is not between 0 and 1"
        );
        assert_eq!(
            text(vec![rule(1.0, 601)]),
            "arm rule 3: a delay of 601s is beyond the limit of 600s"
        );
        assert_eq!(text(vec![rule(1.0, 1); 65]), "arm 65 rules: the limit is 64");
    }
}
