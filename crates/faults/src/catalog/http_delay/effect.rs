//! Rules that hold messages, on the redirect that all faults of this kind share.

use super::addresses;
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::redirect::{self, Redirected, Undo, What};
use crate::values::Checked;
use serde_json::Value;
use squall_proxy::{
    Delay, Distribution, Effect as Act, HeaderMatch, Matcher, PathPattern, Rule, RuleSet, Share,
    Side, Snapshot,
};
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;

/// The effect.
pub static EFFECT: &dyn Effect = &HttpDelay;

/// So many seen paths fit a line for a person.
const PATHS_SHOWN: usize = 5;

struct HttpDelay;

struct Held(Redirected);

impl Effect for HttpDelay {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let undo = Undo::inbound(injection, addresses(values, &injection.target))?;
        rules(injection, values)?;
        Ok(undo.to_value())
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let what = What::Rules(rules(injection, values)?);
        let reset = values.word("existing") == "reset";
        let redirected = Undo::of(receipt)?.apply(receipt, lease, what, reset)?;
        Ok(Box::new(Held(redirected)))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::of(receipt)?.revert()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Undo::of(receipt)?.residue()
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        redirect::ADVICE.to_owned()
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let counted = self.0.snapshot();
        let held_ms = |total_ns: u64| {
            (counted.delayed > 0).then(|| total_ns as f64 / counted.delayed as f64 / 1e6)
        };
        Ok(Bite {
            hits: counted.delayed,
            seen: counted.requests,
            asked: held_ms(counted.asked_ns_total),
            delivered: held_ms(counted.delivered_ns_total),
            detail: detail(&counted, self.0.redirected()),
            ..Bite::default()
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.0.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.0.mechanism()
    }
}

fn rules(injection: &Injection, values: &Checked) -> Result<RuleSet, EffectError> {
    let bad = |error: squall_proxy::RuleError| EffectError::BadValues(error.to_string());
    let header = values.text("header").map(HeaderMatch::parse).transpose().map_err(bad)?;
    let side = match values.word("side") {
        "response" => Side::Response,
        _ => Side::Request,
    };
    let (mean, jitter) = (values.duration("mean"), values.duration("jitter"));
    let effect = Act::Delay(Delay { distribution: Distribution::Uniform, mean, jitter });
    let matcher = Matcher {
        path: values.pattern("path").map(PathPattern::new),
        method: values.text("method").map(str::to_owned),
        header,
        ..Matcher::default()
    };
    let rule = Rule { id: 1, matcher, share: Share::random(values.share("share")), side, effect };
    RuleSet::new(vec![rule], injection.seed).map_err(bad)
}

/// One line for a person: what happened, or why nothing did.
fn detail(counted: &Snapshot, redirected: u64) -> String {
    if counted.requests == 0 {
        return match (redirected, counted.unread) {
            (0, _) => "no new connection reached the target".to_owned(),
            (_, 0) => format!("{redirected} connections, no request on them yet"),
            (_, unread) => format!("{unread} of {redirected} connections could not be read: TLS?"),
        };
    }
    if counted.matched == 0 {
        let paths = counted.paths.iter().take(PATHS_SHOWN);
        let paths: Vec<_> = paths.map(|(path, count)| format!("{path} ({count})")).collect();
        return format!("{} requests, none matches: {}", counted.requests, paths.join(", "));
    }
    let Snapshot { delayed, matched, requests, .. } = counted;
    format!("{delayed} of {matched} matching requests delayed, {requests} seen")
}
