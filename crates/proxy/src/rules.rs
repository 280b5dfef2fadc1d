//! What to do to which request: matchers, effects, and the set that is armed
//! now. Knows nothing of sockets; the set can be swapped while traffic flows.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use crate::delay::BootTime;

/// The most rules in a set: each is tried on every request, and a fault needs one or two.
pub const MAX_RULES: usize = 64;
/// The longest delay of a rule; beyond it a client has given up for certain.
pub const MAX_DELAY: Duration = Duration::from_secs(600);

/// One rule: which exchanges, how many of them, and what happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// A number of the caller's choosing, for its own records.
    pub id: u32,
    /// Which requests.
    pub matcher: Matcher,
    /// The share of matching requests that are hit, 0 to 1.
    pub share: f64,
    /// Whether the request or its response is held.
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

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Holds the message for a time drawn evenly from mean ± jitter, never below zero.
    Delay {
        /// The middle of the range.
        mean: Duration,
        /// Half the width of the range.
        jitter: Duration,
    },
}

/// The conditions of a rule; an absent one is always met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// The path without its query.
    pub path: Option<PathPattern>,
    /// The method, as sent.
    pub method: Option<String>,
    /// A header.
    pub header: Option<HeaderMatch>,
}

/// A path where `*` stands for any text (also slashes) and `?` for one character;
/// without either it is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(String);

/// A header condition: `name=value` exactly, or `name:prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMatch {
    /// The header's name; case does not matter.
    pub name: String,
    /// What its value must be.
    pub text: HeaderText,
}

/// The value side of a [`HeaderMatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderText {
    /// The whole value.
    Exact(String),
    /// How the value begins.
    Prefix(String),
}

/// A checked list of rules with the seed of its dice.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    rules: Vec<Rule>,
    seed: u64,
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
    /// The header condition cannot be read.
    #[error("read header condition {text:?}: write name=value or name:prefix")]
    Header {
        /// What was given.
        text: String,
    },
}

impl PathPattern {
    /// Returns the pattern of a text.
    #[must_use]
    pub fn new(text: &str) -> PathPattern {
        PathPattern(text.to_owned())
    }

    /// Tells whether a path, without its query, fits.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        glob(self.0.as_bytes(), path.as_bytes())
    }
}

/// Matches in time linear in the text for each star: on a mismatch only the last star gives way.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

impl HeaderMatch {
    /// Reads `name=value` or `name:prefix`; the first `=` or `:` divides.
    ///
    /// # Errors
    /// When neither sign is there or the name is empty.
    pub fn parse(text: &str) -> Result<HeaderMatch, RuleError> {
        let bad = || RuleError::Header { text: text.to_owned() };
        let at = text.find(['=', ':']).ok_or_else(bad)?;
        let (name, value) = (text[..at].trim(), text[at + 1..].trim().to_owned());
        if name.is_empty() {
            return Err(bad());
        }
        let text = match text.as_bytes()[at] {
            b'=' => HeaderText::Exact(value),
            _ => HeaderText::Prefix(value),
        };
        Ok(HeaderMatch { name: name.to_ascii_lowercase(), text })
    }

    fn fits(&self, name: &str, value: &[u8]) -> bool {
        name.eq_ignore_ascii_case(&self.name)
            && match &self.text {
                HeaderText::Exact(text) => value == text.as_bytes(),
                HeaderText::Prefix(text) => value.starts_with(text.as_bytes()),
            }
    }
}

impl Matcher {
    fn fits(&self, request: &Request<'_>) -> bool {
        self.path.as_ref().is_none_or(|path| path.fits(request.path))
            && self.method.as_ref().is_none_or(|method| method == request.method)
            && self.header.as_ref().is_none_or(|header| {
                let mut found = false;
                (request.headers)(&mut |name, value| found |= header.fits(name, value));
                found
            })
    }
}

/// What a rule can see of a request; `headers` calls back for each header.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderVisit<'a>,
}

/// Visits all headers of a request, whatever holds them.
pub(crate) type HeaderVisit<'a> = dyn Fn(&mut dyn FnMut(&str, &[u8])) + 'a;

impl RuleSet {
    /// Returns the set if every rule is within the limits.
    ///
    /// # Errors
    /// Names the first rule that is not.
    pub fn new(rules: Vec<Rule>, seed: u64) -> Result<RuleSet, RuleError> {
        if rules.len() > MAX_RULES {
            return Err(RuleError::TooMany { count: rules.len() });
        }
        for rule in &rules {
            let id = rule.id;
            if !(0.0..=1.0).contains(&rule.share) {
                return Err(RuleError::Share { id, share: rule.share });
            }
            let Effect::Delay { mean, jitter } = rule.effect;
            let delay = mean.saturating_add(jitter);
            if delay > MAX_DELAY {
                return Err(RuleError::Delay { id, delay });
            }
        }
        Ok(RuleSet { rules, seed })
    }
}

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
}

#[derive(Debug)]
struct Armed {
    set: RuleSet,
    /// Only the task at work draws, for a few nanoseconds: the lock is never waited for.
    dice: Mutex<StdRng>,
}

/// A decision to hold one message.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) asked: Duration,
    armed: Arc<Armed>,
}

/// What the rules say of one request.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) matched: bool,
    pub(crate) request: Option<Hold>,
    pub(crate) response: Option<Hold>,
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
        let armed = watch::Sender::new(None);
        Rules { shared: Arc::new(Shared { armed, expires_ns: AtomicU64::new(0) }) }
    }

    /// Puts a set in force until `expires`; messages held by an earlier set go on at once.
    pub fn arm(&self, set: RuleSet, expires: BootTime) {
        let dice = Mutex::new(StdRng::seed_from_u64(set.seed));
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
        self.shared.armed.send_replace(Some(Arc::new(Armed { set, dice })));
    }

    /// Moves the end of the set in force; a later `clear` still wins.
    pub fn extend(&self, expires: BootTime) {
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
    }

    /// Ends the set in force; messages it holds go on at once.
    pub fn clear(&self) {
        self.shared.armed.send_replace(None);
    }

    /// Tells whether any rule may act at `now`.
    #[must_use]
    pub fn armed(&self, now: BootTime) -> bool {
        now < self.expires() && self.shared.armed.borrow().is_some()
    }

    pub(crate) fn expires(&self) -> BootTime {
        BootTime(self.shared.expires_ns.load(Ordering::SeqCst))
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
        for rule in &armed.set.rules {
            let (taken, hold) = match rule.side {
                Side::Request => (&mut on_request, &mut decision.request),
                Side::Response => (&mut on_response, &mut decision.response),
            };
            if *taken || !rule.matcher.fits(request) {
                continue;
            }
            *taken = true;
            let mut dice = lock(&armed.dice);
            if dice.random::<f64>() < rule.share {
                let asked = rule.effect.draw(&mut dice);
                *hold = Some(Hold { asked, armed: Arc::clone(&armed) });
            }
        }
        decision.matched = on_request || on_response;
        decision
    }
}

/// Watches the set in force for one held message.
pub(crate) struct Changes {
    receiver: watch::Receiver<Option<Arc<Armed>>>,
}

impl Changes {
    /// Tells whether the set that decided this hold is still the one in force.
    pub(crate) fn stands(&mut self, hold: &Hold) -> bool {
        let now = self.receiver.borrow_and_update();
        now.as_ref().is_some_and(|armed| Arc::ptr_eq(armed, &hold.armed))
    }

    /// Waits until the set is replaced or cleared; a proxy whose rules are gone counts as cleared.
    pub(crate) async fn next(&mut self) {
        let _gone = self.receiver.changed().await;
    }
}

impl Effect {
    fn draw(self, dice: &mut StdRng) -> Duration {
        let Effect::Delay { mean, jitter } = self;
        if jitter.is_zero() {
            return mean;
        }
        // The sign and the size are drawn together: 0..2 jitter, less one jitter.
        let wide = jitter.mul_f64(2.0 * dice.random::<f64>());
        (mean + wide).saturating_sub(jitter)
    }
}

fn lock(dice: &Mutex<StdRng>) -> MutexGuard<'_, StdRng> {
    // A panic while drawing leaves a generator that still draws.
    dice.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        assert_eq!(PathPattern::new(pattern).fits(path), expected, "{pattern} {path}");
    }

    #[test]
    fn paths() {
        check("/api/payment", "/api/payment", true);
        check("/api/payment", "/api/payments", false);
        check("/api/*", "/api/", true);
        check("/api/*", "/api/a/b", true);
        check("/api/*", "/ap", false);
        check("/api/*/items", "/api/7/items", true);
        check("/api/*/items", "/api/7/items/items", true);
        check("/api/*/items", "/api/7/item", false);
        check("*", "", true);
        check("", "/", false);
        check("/v?/x", "/v2/x", true);
        check("/v?/x", "/v/x", false);
        check("*.svc/订单", "/orders.svc/订单", true);
    }

    proptest! {
        #[test]
        fn a_star_takes_any_text(head in "[a-c]{0,4}", tail in "[a-c]{0,4}", mid in "[a-c]{0,6}") {
            let path = format!("{head}{mid}{tail}");
            let pattern = PathPattern::new(&format!("{head}*{tail}"));
            prop_assert!(pattern.fits(&path));
        }
    }

    #[test]
    fn header_conditions() {
        let exact = HeaderMatch::parse("X-Tenant = blue").unwrap();
        assert!(exact.fits("x-tenant", b"blue") && !exact.fits("x-tenant", b"blue2"));
        let prefix = HeaderMatch::parse("user-agent:Go-http=").unwrap();
        assert!(prefix.fits("User-Agent", b"Go-http=2") && !prefix.fits("agent", b"Go-http=2"));
        for bad in ["x-tenant", "=blue", ""] {
            let error = HeaderMatch::parse(bad).unwrap_err();
            assert_eq!(error, RuleError::Header { text: bad.to_owned() });
        }
    }

    fn rule(share: f64, mean_s: u64) -> Rule {
        let effect = Effect::Delay { mean: Duration::from_secs(mean_s), jitter: Duration::ZERO };
        Rule { id: 3, matcher: Matcher::default(), share, side: Side::Request, effect }
    }

    #[test]
    fn a_set_within_the_limits_is_armed_and_another_is_not() {
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
        assert!(decision.matched && decision.request.is_none());
        assert_eq!(decision.response.unwrap().asked, Duration::from_secs(9));
        assert!(!rules.decide(&request, BootTime(1_001)).matched, "expired");
        rules.extend(BootTime(1_002));
        assert!(rules.decide(&request, BootTime(1_001)).matched, "renewed");
        rules.clear();
        assert!(!rules.decide(&request, now).matched && !rules.armed(now));
    }

    #[test]
    fn a_jitter_wider_than_the_mean_never_goes_below_zero() {
        let effect =
            Effect::Delay { mean: Duration::from_millis(1), jitter: Duration::from_millis(5) };
        let mut dice = StdRng::seed_from_u64(1);
        let drawn: Vec<_> = (0..500).map(|_| effect.draw(&mut dice)).collect();
        assert!(drawn.iter().all(|delay| *delay <= Duration::from_millis(6)));
        assert!(drawn.contains(&Duration::ZERO));
    }
}
