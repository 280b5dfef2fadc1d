//! What to do with which question. Knows nothing of sockets.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};

use super::message::{Name, Query, Rcode, Record, TYPE_A, TYPE_AAAA};
use crate::names::NamePattern;

/// The most addresses in an answer: with the longest name it still fits 512 bytes.
pub const ADDRESSES_MAX: usize = 8;
/// The longest a faked record may be kept: the fault must be gone soon after it ended.
pub const TTL_MAX: Duration = Duration::from_secs(30);

/// Which questions are hurt, how many of them, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which names.
    pub names: NamePattern,
    /// Which record types; empty is every one.
    pub kinds: Vec<u16>,
    /// The share of matching questions that are hurt, 0 to 1.
    pub share: f64,
    /// How.
    pub effect: Effect,
}

/// What happens to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It is answered wrongly.
    Answer(Wrong),
    /// It is answered with an error.
    Error(Rcode),
    /// It is forwarded late, by mean ± jitter.
    Delay {
        /// The middle of the range.
        mean: Duration,
        /// Half the width of the range.
        jitter: Duration,
    },
    /// It is never answered.
    Timeout,
    /// Over UDP it is answered with "cut, ask over TCP"; over TCP it passes.
    Truncate,
}

/// A wrong answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrong {
    /// Addresses for questions of type A.
    pub v4: Vec<Ipv4Addr>,
    /// Addresses for questions of type AAAA.
    pub v6: Vec<Ipv6Addr>,
    /// The name becomes an alias of this one. Without addresses the real ones of that name follow.
    pub alias: Option<Name>,
    /// How long resolvers may keep it, in seconds.
    pub ttl_s: u32,
}

/// How a question arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on as it came.
    Pass(Why),
    /// This is the answer.
    Reply(Vec<u8>),
    /// The real answer about another name is asked for and given instead.
    Alias { name: Name, ttl_s: u32 },
    /// It goes on later.
    Hold(Duration),
    /// Nothing is said, ever.
    Silence,
}

/// Why a question goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The rule is not about it.
    Other,
    /// The dice spared it.
    Spared,
    /// It is what the fault wanted: a question repeated over TCP.
    Repeat,
}

impl Rule {
    pub(crate) fn judge(
        &self,
        message: &[u8],
        query: &Query,
        transport: Transport,
        dice: &mut StdRng,
    ) -> Verdict {
        let kind = self.kinds.is_empty() || self.kinds.contains(&query.kind);
        if !kind || !self.names.fits(&query.name) || !self.can_hurt(query) {
            return Verdict::Pass(Why::Other);
        }
        if self.effect == Effect::Truncate && transport == Transport::Tcp {
            return Verdict::Pass(Why::Repeat);
        }
        if dice.random::<f64>() >= self.share {
            return Verdict::Pass(Why::Spared);
        }
        match &self.effect {
            Effect::Answer(wrong) => wrong.to(message, query),
            Effect::Error(code) => Verdict::Reply(query.failed(message, *code)),
            Effect::Delay { mean, jitter } => {
                let wide = jitter.mul_f64(2.0 * dice.random::<f64>());
                Verdict::Hold((*mean + wide).saturating_sub(*jitter))
            }
            Effect::Timeout => Verdict::Silence,
            Effect::Truncate => Verdict::Reply(query.truncated(message)),
        }
    }

    /// A wrong address says nothing of mail or service records.
    fn can_hurt(&self, query: &Query) -> bool {
        !matches!(self.effect, Effect::Answer(_)) || matches!(query.kind, TYPE_A | TYPE_AAAA)
    }
}

impl Wrong {
    /// With an address of one family only, the other family is answered with "no such record":
    /// a client that asks for both must not find the right one.
    fn to(&self, message: &[u8], query: &Query) -> Verdict {
        let only = self.alias.as_ref().filter(|_| self.v4.is_empty() && self.v6.is_empty());
        if let Some(name) = only.cloned() {
            return Verdict::Alias { name, ttl_s: self.ttl_s };
        }
        let alias = self.alias.iter().map(|name| Record::cname(self.ttl_s, name));
        let mut records: Vec<_> = alias.collect();
        let owner = || self.alias.clone();
        match query.kind {
            TYPE_A => {
                records.extend(self.v4.iter().map(|ip| Record::v4(owner(), self.ttl_s, *ip)));
            }
            _ => records.extend(self.v6.iter().map(|ip| Record::v6(owner(), self.ttl_s, *ip))),
        }
        Verdict::Reply(query.answered(message, &records))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::message::answers;
    use super::*;
    use rand::SeedableRng;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let empty = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        let read = Query::read(&empty).unwrap();
        let mut message = read.about(&Name::parse(name).unwrap());
        let at = message.len() - 4;
        message[at..at + 2].copy_from_slice(&kind.to_be_bytes());
        message
    }

    fn rule(effect: Effect) -> Rule {
        Rule { names: NamePattern::new("*.example"), kinds: Vec::new(), share: 1.0, effect }
    }

    fn judge(rule: &Rule, name: &str, kind: u16, transport: Transport) -> Verdict {
        let message = query(name, kind);
        let mut dice = StdRng::seed_from_u64(1);
        rule.judge(&message, &Query::read(&message).unwrap(), transport, &mut dice)
    }

    #[test]
    fn only_what_matches_is_hurt() {
        let error = rule(Effect::Error(Rcode::ServFail));
        let passed = |rule: &Rule, name, kind| judge(rule, name, kind, Transport::Udp);
        let other = Verdict::Pass(Why::Other);
        assert_eq!(passed(&error, "a.other", TYPE_A), other);
        assert!(matches!(passed(&error, "a.example", 15), Verdict::Reply(_)));
        let narrow = Rule { kinds: vec![TYPE_AAAA], ..error.clone() };
        assert_eq!(passed(&narrow, "a.example", TYPE_A), other);
        let never = Rule { share: 0.0, ..error };
        assert_eq!(passed(&never, "a.example", TYPE_A), Verdict::Pass(Why::Spared));
    }

    #[test]
    fn a_wrong_answer_hides_the_right_one_of_the_other_family() {
        let wrong = Wrong { v4: vec![Ipv4Addr::new(10, 9, 9, 9)], ..Wrong::default() };
        let rule = rule(Effect::Answer(wrong));
        let count = |kind| match judge(&rule, "a.example", kind, Transport::Tcp) {
            Verdict::Reply(reply) => answers(&reply, 9).unwrap().len(),
            other => panic!("{other:?}"),
        };
        assert_eq!((count(TYPE_A), count(TYPE_AAAA)), (1, 0));
        let mail = judge(&rule, "a.example", 15, Transport::Udp);
        assert_eq!(mail, Verdict::Pass(Why::Other));
    }

    #[test]
    fn an_alias_comes_with_its_addresses() {
        let alias = Name::parse("other.test");
        let only = Wrong { alias: alias.clone(), ttl_s: 3, ..Wrong::default() };
        let verdict = judge(&rule(Effect::Answer(only)), "a.example", TYPE_A, Transport::Udp);
        assert_eq!(verdict, Verdict::Alias { name: alias.clone().unwrap(), ttl_s: 3 });
        let both = Wrong { alias, v6: vec![Ipv6Addr::LOCALHOST], ..Wrong::default() };
        let rule = rule(Effect::Answer(both));
        let Verdict::Reply(reply) = judge(&rule, "a.example", TYPE_AAAA, Transport::Udp) else {
            panic!("an answer is expected")
        };
        assert_eq!(answers(&reply, 9).unwrap().len(), 2);
    }

    #[test]
    fn what_was_cut_passes_over_tcp() {
        let rule = rule(Effect::Truncate);
        let over = |transport| judge(&rule, "a.example", TYPE_A, transport);
        assert!(matches!(over(Transport::Udp), Verdict::Reply(_)));
        assert_eq!(over(Transport::Tcp), Verdict::Pass(Why::Repeat));
    }

    #[test]
    fn the_share_is_kept_over_ten_thousand_questions() {
        let rule = Rule { share: 0.1, ..rule(Effect::Timeout) };
        let message = query("a.example", TYPE_A);
        let read = Query::read(&message).unwrap();
        let mut dice = StdRng::seed_from_u64(42);
        let hurt = (0..10_000)
            .filter(|_| rule.judge(&message, &read, Transport::Udp, &mut dice) == Verdict::Silence)
            .count();
        // The binomial 99 % interval of 10 % over 10,000.
        assert!((923..=1_077).contains(&hurt), "{hurt}");
    }

    #[test]
    fn the_widest_answer_fits_512_bytes() {
        let long = format!("{}.example", vec!["a".repeat(60); 4].join("."));
        let wrong = Wrong { v6: vec![Ipv6Addr::LOCALHOST; ADDRESSES_MAX], ..Wrong::default() };
        let Verdict::Reply(reply) =
            judge(&rule(Effect::Answer(wrong)), &long, TYPE_AAAA, Transport::Udp)
        else {
            panic!("an answer is expected")
        };
        assert!(reply.len() + 11 <= 512, "{}", reply.len());
    }
}
