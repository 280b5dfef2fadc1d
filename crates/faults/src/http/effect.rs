//! Rules of the proxy for requests, on the redirect that other faults share.

use super::{addresses, is_outbound};
use crate::dose::by_chance;
use crate::effect::{EffectError, Holder, LeaseEnd};
use crate::sys::redirect::{self, Led, Protocols, Redirected, Undo, What};
use crate::values::Checked;
use squall_proxy::{
    Delay, Distribution, Effect as Act, HeaderMatch, HostPattern, Matcher, PathPattern, Rule,
    RuleSet, Share, Side, Snapshot,
};
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// So many seen paths fit a line for a person.
const PATHS_SHOWN: usize = 5;
/// A mean delay is what was asked while it is off by no more than this, or by this share of it:
/// what a busy host adds, and what a client who left early takes away.
const LATE_MS: f64 = 5.0;
const LATE_SHARE: f64 = 0.05;
/// The same for the rate of a slow body.
const RATE_SHARE: f64 = 0.1;

/// A fault on requests: what is done to those that match, and the word for it.
pub(crate) struct Requests {
    /// Whether it is about gRPC calls alone.
    pub(crate) grpc: bool,
    /// The effect that the values ask for.
    pub(crate) effect: fn(&Checked) -> Act,
    /// What a request was, for example `answered with an error`.
    pub(crate) hurt: &'static str,
}

struct Held {
    redirected: Redirected,
    share: f64,
    by_id: bool,
    written: Written,
    hurt: &'static str,
}

/// The dose as the file has it: readers of the record see its unit beside the number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    /// A delay: how many of its unit are a millisecond.
    Delay(f64),
    /// A rate: the number before its unit.
    Rate(f64),
    Share,
}

impl Led for Requests {
    fn undo(&self, injection: &Injection, values: &Checked) -> Result<Undo, EffectError> {
        self.rules(injection, values)?;
        if is_outbound(values) {
            Undo::outbound(
                injection,
                &redirect::remotes(values, "peer", values.port("port")),
                Protocols::Tcp,
            )
        } else {
            Undo::inbound(injection, addresses(values, &injection.target))
        }
    }

    fn lead(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let what = What::Rules(self.rules(injection, values)?);
        let reset = values.word("existing") == "reset";
        let redirected = Undo::of(receipt)?.apply(receipt, lease, what, reset)?;
        let written = match (self.effect)(values) {
            Act::Delay(delay) => Written::Delay(of_a_millisecond(
                values.printed("mean").unwrap_or_default(),
                delay.mean.as_secs_f64() * 1e3,
            )),
            Act::Slow { .. } => {
                Written::Rate(number(values.printed("rate").unwrap_or_default()).unwrap_or(1.0))
            }
            _ => Written::Share,
        };
        let (share, by_id) = (values.share("share"), values.has("by"));
        Ok(Box::new(Held { redirected, share, by_id, written, hurt: self.hurt }))
    }
}

impl Requests {
    fn rules(&self, injection: &Injection, values: &Checked) -> Result<RuleSet, EffectError> {
        let bad = |error: squall_proxy::RuleError| EffectError::BadValues(error.to_string());
        let effect = (self.effect)(values);
        let side = match (values.text("side"), &effect) {
            // Without a choice there is only one.
            (Some("response"), _) | (None, Act::LoseTrailers) => Side::Response,
            _ => Side::Request,
        };
        let share =
            Share { of: values.share("share"), by: values.text("by").map(str::to_ascii_lowercase) };
        let matcher = self.matcher(values).map_err(bad)?;
        RuleSet::new(vec![Rule { id: 1, matcher, share, side, effect }], injection.seed)
            .map_err(bad)
    }

    /// The `where` block as the proxy has it; a family has keys of its own.
    fn matcher(&self, values: &Checked) -> Result<Matcher, squall_proxy::RuleError> {
        let header = values.text("header").or(values.text("metadata"));
        let method = values.text("method");
        let path = match (values.text("service"), method) {
            (None, None) if self.grpc => None,
            (service, method) if self.grpc => {
                Some(format!("/{}/{}", service.unwrap_or("*"), method.unwrap_or("*")))
            }
            _ => values.pattern("path").map(str::to_owned),
        };
        let baggage = values.text("baggage").and_then(|pair| pair.split_once(['=', ':']));
        Ok(Matcher {
            path: path.as_deref().map(PathPattern::new),
            method: method.filter(|_| !self.grpc).map(str::to_owned),
            host: values.text("host").map(HostPattern::new),
            header: header.map(HeaderMatch::parse).transpose()?,
            baggage: baggage.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())),
            grpc: self.grpc,
        })
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let counted = self.redirected.snapshot();
        let dose = self.dose(&counted);
        Ok(Bite {
            hits: counted.delayed + counted.acted,
            seen: counted.requests,
            asked: dose.as_ref().map(|dose| dose.0),
            delivered: dose.as_ref().map(|dose| dose.1),
            tolerance: dose.as_ref().map(|dose| dose.2),
            detail: detail(&counted, self.redirected.redirected(), self.hurt),
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.redirected.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.redirected.mechanism()
    }
}

/// Holding messages as the values have it: a mean, and how far from it.
pub(crate) fn delay(values: &Checked) -> Act {
    let distribution = match values.word("distribution") {
        "normal" => Distribution::Normal,
        "exponential" => Distribution::Exponential,
        "pareto" => Distribution::Pareto,
        _ => Distribution::Uniform,
    };
    let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
    Act::Delay(Delay { distribution, mean, jitter })
}

/// A dose: asked, delivered, and how far they may be apart.
struct Dose(f64, f64, f64);

impl Held {
    /// The dose in the unit that says most: milliseconds of a delay, bytes a second of a slow body,
    /// or else the share in percent.
    fn dose(&self, counted: &Snapshot) -> Option<Dose> {
        let (asked_ns, delivered_ns) = (counted.asked_ns_total, counted.delivered_ns_total);
        match self.written {
            Written::Delay(_) if counted.delayed == 0 => return None,
            Written::Delay(unit) => {
                let mean_ms = |total_ns: u64| total_ns as f64 / counted.delayed as f64 / 1e6;
                let asked = mean_ms(asked_ns);
                let most = LATE_MS.max(asked * LATE_SHARE);
                return Some(Dose(asked * unit, mean_ms(delivered_ns) * unit, most * unit));
            }
            Written::Rate(_) if asked_ns == 0 => return None,
            Written::Rate(rate) => {
                let got = rate * asked_ns as f64 / delivered_ns.max(1) as f64;
                return Some(Dose(rate, got, rate * RATE_SHARE));
            }
            Written::Share => {}
        }
        // Ids are not drawn, so chance explains nothing there.
        if self.share >= 1.0 || self.by_id || counted.matched == 0 {
            return None;
        }
        let (asked, matched) = (self.share * 100.0, counted.matched);
        let delivered = counted.hit as f64 / matched as f64 * 100.0;
        Some(Dose(asked, delivered, by_chance(asked, matched)))
    }
}

/// Returns how many of the unit that a length of time was written in are a millisecond; 1 where it
/// has no single unit.
fn of_a_millisecond(text: &str, ms: f64) -> f64 {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let single = !unit.contains(|c: char| c.is_ascii_digit());
    number(text).filter(|_| single && ms > 0.0).map_or(1.0, |number| number / ms)
}

/// The number before a unit.
fn number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// One line for a person: what happened, or why nothing did.
fn detail(counted: &Snapshot, redirected: u64, hurt: &str) -> String {
    if counted.requests == 0 {
        return match (redirected, counted.unread) {
            (0, _) => "no new connection reached the proxy".to_owned(),
            (_, 0) => format!("{redirected} connections, no request on them yet"),
            (_, unread) => format!("{unread} of {redirected} connections could not be read: TLS?"),
        };
    }
    if counted.matched == 0 {
        let paths = counted.paths.iter().take(PATHS_SHOWN);
        let paths: Vec<_> = paths.map(|(path, count)| format!("{path} ({count})")).collect();
        return format!("{} requests, none matches: {}", counted.requests, paths.join(", "));
    }
    let Snapshot { matched, hit, requests, .. } = counted;
    let done = counted.delayed + counted.acted;
    let spared = match hit.saturating_sub(done + counted.cut) {
        0 => String::new(),
        spared => format!(", {spared} chosen and not {hurt}: nothing to act on, or not yet"),
    };
    format!("{done} of {matched} matching requests {hurt}{spared}, {requests} seen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doses_are_in_the_unit_that_was_written() {
        assert_eq!(of_a_millisecond("50ms", 50.0), 1.0);
        assert_eq!(of_a_millisecond("1.5s", 1_500.0), 0.001);
        assert_eq!(of_a_millisecond("500us", 0.5), 1_000.0);
        assert_eq!(of_a_millisecond("1m30s", 90_000.0), 1.0);
        assert_eq!(of_a_millisecond("0s", 0.0), 1.0);
        assert_eq!(
            (number("2KiB/s"), number("64kbit/s"), number("x")),
            (Some(2.0), Some(64.0), None)
        );
    }

    #[test]
    fn what_is_seen_is_explained() {
        let check = |counted: Snapshot, redirected, expected: &str| {
            assert_eq!(detail(&counted, redirected, "cut"), expected);
        };
        let none = Snapshot::default();
        check(none.clone(), 0, "no new connection reached the proxy");
        check(none.clone(), 2, "2 connections, no request on them yet");
        check(
            Snapshot { unread: 1, ..none.clone() },
            2,
            "1 of 2 connections could not be read: TLS?",
        );
        let other = Snapshot { requests: 3, paths: vec![("/a".into(), 3)], ..none.clone() };
        check(other, 1, "3 requests, none matches: /a (3)");
        let hit = Snapshot { requests: 9, matched: 4, hit: 3, acted: 2, ..none };
        check(
            hit,
            1,
            "2 of 4 matching requests cut, 1 chosen and not cut: nothing to act on, or not yet, 9 seen",
        );
    }
}
