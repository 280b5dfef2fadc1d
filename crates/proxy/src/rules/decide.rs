//! The rules in force, and what they say of one request.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use super::{
    effect::Effect,
    matcher::Request,
    set::{RuleSet, Side},
};
use crate::delay::BootTime;

/// The rules in force: armed, renewed and cleared from any thread while the proxy runs.
#[derive(Debug, Clone)]
pub struct Rules {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    armed: watch::Sender<Option<Arc<Armed>>>,
    /// When the set in force stops acting, in nanoseconds of the boot clock.
    expires_ns: AtomicU64,
    /// Told of every change, beside those who watch `armed`.
    news: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Armed {
    set: RuleSet,
    /// Only the task at work draws, for a few nanoseconds: the lock is never waited for.
    dice: Mutex<StdRng>,
}

/// A decision to hurt one message.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// How long to hold it, where that is the effect.
    pub(crate) asked: Duration,
    armed: Arc<Armed>,
    rule: usize,
}

/// What the rules say of one request.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// Whether a rule fits.
    pub(crate) matched: bool,
    pub(crate) request: Option<Act>,
    pub(crate) response: Option<Act>,
}

impl Act {
    pub(crate) fn effect(&self) -> &Effect {
        &self.armed.set.rules[self.rule].effect
    }
}

impl Decision {
    /// Tells whether the share hit it.
    pub(crate) fn hit(&self) -> bool {
        self.request.is_some() || self.response.is_some()
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::idle()
    }
}

impl Rules {
    /// Returns rules that do nothing until armed.
    #[must_use]
    pub fn idle() -> Rules {
        Rules::telling(Arc::default())
    }

    /// Returns rules that do nothing until armed, and tell of every change.
    pub(crate) fn telling(news: Arc<watch::Sender<()>>) -> Rules {
        let (armed, expires_ns) = (watch::Sender::new(None), AtomicU64::new(0));
        Rules { shared: Arc::new(Shared { armed, expires_ns, news }) }
    }

    /// Puts a set in force until `expires`; messages held by an earlier set go on at once.
    pub fn arm(&self, set: RuleSet, expires: BootTime) {
        let dice = Mutex::new(StdRng::seed_from_u64(set.seed));
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
        self.shared.armed.send_replace(Some(Arc::new(Armed { set, dice })));
        self.shared.news.send_replace(());
    }

    /// Moves the end of the set in force; a later `clear` still wins.
    pub fn extend(&self, expires: BootTime) {
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
    }

    /// Ends the set in force; messages it holds go on at once.
    pub fn clear(&self) {
        self.shared.armed.send_replace(None);
        self.shared.news.send_replace(());
    }

    /// Tells whether any rule may act at `now`.
    #[must_use]
    pub fn armed(&self, now: BootTime) -> bool {
        now < self.expires() && self.shared.armed.borrow().is_some()
    }

    pub(crate) fn expires(&self) -> BootTime {
        BootTime(self.shared.expires_ns.load(Ordering::SeqCst))
    }

    /// Tells whether the set that decided an act is still the one in force.
    pub(crate) fn stands(&self, act: &Act, now: BootTime) -> bool {
        let armed = self.shared.armed.borrow();
        now < self.expires() && armed.as_ref().is_some_and(|armed| Arc::ptr_eq(armed, &act.armed))
    }

    /// Returns a view that tells when the set in force is replaced or cleared.
    pub(crate) fn changes(&self) -> Changes {
        Changes { receiver: self.shared.armed.subscribe() }
    }

    /// Decides on one request: on each side the first rule that fits rolls its dice.
    pub(crate) fn decide(&self, request: &Request<'_>, now: BootTime) -> Decision {
        let mut decision = Decision::default();
        if now >= self.expires() {
            return decision;
        }
        let Some(armed) = self.shared.armed.borrow().clone() else {
            return decision;
        };
        let (mut on_request, mut on_response) = (false, false);
        for (at, rule) in armed.set.rules.iter().enumerate() {
            let (taken, act) = match rule.side {
                Side::Request => (&mut on_request, &mut decision.request),
                Side::Response => (&mut on_response, &mut decision.response),
            };
            if *taken || !rule.matcher.fits(request) {
                continue;
            }
            *taken = true;
            let mut dice = lock(&armed.dice);
            if rule.share.hits(request, &mut *dice) {
                let asked = match &rule.effect {
                    Effect::Delay(delay) => delay.draw(&mut *dice),
                    _ => Duration::ZERO,
                };
                *act = Some(Act { asked, armed: Arc::clone(&armed), rule: at });
            }
        }
        decision.matched = on_request || on_response;
        decision
    }
}

/// Watches the set in force for messages under way.
pub(crate) struct Changes {
    receiver: watch::Receiver<Option<Arc<Armed>>>,
}

impl Changes {
    /// Marks what is in force now as seen.
    pub(crate) fn seen(&mut self) {
        self.receiver.mark_unchanged();
    }

    /// Waits until the set is replaced or cleared; a proxy whose rules are gone counts as cleared.
    pub(crate) async fn next(&mut self) {
        let _gone = self.receiver.changed().await;
    }
}

fn lock(dice: &Mutex<StdRng>) -> MutexGuard<'_, StdRng> {
    // A panic while drawing leaves a generator that still draws.
    dice.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use crate::rules::{Delay, Matcher, PathPattern, Rule, Share};

    fn rule(share: f64, mean_s: u64) -> Rule {
        Rule {
            id: 3,
            matcher: Matcher::default(),
            share: Share::random(share),
            side: Side::Request,
            effect: Effect::Delay(Delay::exactly(Duration::from_secs(mean_s))),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_on_each_side() {
        let rules = Rules::idle();
        let none = |_: &mut dyn FnMut(&str, &[u8])| {};
        let request = Request { method: "GET", path: "/a", headers: &none };
        let now = BootTime(1_000);
        assert!(!rules.decide(&request, now).matched);

        let narrow = Matcher { path: Some(PathPattern::new("/b")), ..Matcher::default() };
        let response = Rule { side: Side::Response, ..rule(1.0, 9) };
        let list =
            vec![Rule { matcher: narrow, ..rule(1.0, 1) }, rule(0.0, 2), rule(1.0, 3), response];
        rules.arm(RuleSet::new(list, 0).unwrap(), BootTime(1_001));
        let decision = rules.decide(&request, now);
        assert!(decision.matched && decision.hit() && decision.request.is_none());
        let act = decision.response.unwrap();
        assert_eq!(act.asked, Duration::from_secs(9));
        assert!(matches!(act.effect(), Effect::Delay(delay) if delay.mean == act.asked));
        assert!(rules.stands(&act, now) && !rules.stands(&act, BootTime(1_001)));
        assert!(!rules.decide(&request, BootTime(1_001)).matched, "expired");
        rules.extend(BootTime(1_002));
        assert!(rules.decide(&request, BootTime(1_001)).matched, "renewed");
        rules.clear();
        assert!(!rules.decide(&request, now).matched && !rules.armed(now));
        assert!(!rules.stands(&act, now));
        rules.arm(RuleSet::new(vec![rule(1.0, 1)], 0).unwrap(), BootTime(1_001));
        assert!(!rules.stands(&act, now), "another set");
    }
}
