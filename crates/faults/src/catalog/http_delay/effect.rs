//! Puts the redirect and the proxy together, and takes them apart.

use super::addresses;
use super::plane::Plane;
use super::redirect::{self, Redirect};
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::bpf::token;
use crate::sys::netns::Netns;
use crate::sys::process::refuse_own;
use crate::values::Checked;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_proxy::{
    BootTime, Effect as Delay, HeaderMatch, Matcher, PathPattern, Proxy, Rule, RuleSet, Side,
    Snapshot, Stop,
};
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The effect.
pub static EFFECT: &dyn Effect = &HttpDelay;

/// The state of a listening socket in `/proc/PID/net/tcp`.
const LISTEN: &str = "0A";
/// So many seen paths fit a line for a person.
const PATHS_SHOWN: usize = 5;

struct HttpDelay;

/// What undoes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// The network namespace of the redirect.
    netns: u64,
    /// The addresses whose new connections are redirected.
    locals: Vec<SocketAddr>,
    /// Marks the redirect in the kernel.
    token: u64,
}

struct Held {
    redirect: Redirect,
    proxy: Proxy,
    mechanism: String,
}

impl Effect for HttpDelay {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        refuse_own(injection.target.process)?;
        let netns = Netns::of(injection.target.process)?;
        let mut locals = addresses(values, &injection.target);
        let second = locals.iter().filter_map(|local| dual(injection.target.process.pid, *local));
        let second: Vec<SocketAddr> = second.filter(|local| !locals.contains(local)).collect();
        locals.extend(second);
        if locals.is_empty() {
            return Err(EffectError::BadValues("the target listens on no such port".to_owned()));
        }
        rules(injection, values)?;
        let token = token(&injection.run, &injection.id);
        // What could not be shown to be gone afterwards is not begun.
        redirect::acting(token)?;
        let undo = Undo { netns: netns.inode(), locals, token };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let undo = undo(receipt)?;
        let netns = Arc::new(Netns::of(receipt.process)?);
        if netns.inode() != undo.netns {
            let text = "the target moved to another network namespace".to_owned();
            return Err(EffectError::InTheWay(text));
        }
        let proxy = Proxy::new();
        proxy.rules().arm(rules(injection, values)?, BootTime(lease.boottime_ns));
        let mut redirect = Redirect::load(undo.token)?;
        let mut plane = Plane::start(Arc::clone(&netns))?;
        let listeners = std::mem::take(&mut plane.listeners);
        redirect.attach(&netns, &listeners, &undo.locals, lease)?;
        drop(listeners);
        let reset = values.word("existing") == "reset";
        let reset = if reset { undo.locals.clone() } else { Vec::new() };
        let mechanism = mechanism(&undo);
        let exempt = redirect.exempt()?;
        // From here on the holder ends the proxy, also when the next step fails.
        let held = Held { redirect, proxy: proxy.clone(), mechanism };
        plane.go(reset, exempt, proxy)?;
        Ok(Box::new(held))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        redirect::end(undo(receipt)?.token)?;
        Ok(())
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = undo(receipt)?;
        Ok(match redirect::acting(undo.token)? {
            0 => Vec::new(),
            _ => vec![format!("connections are still redirected: {}", mechanism(&undo))],
        })
    }

    fn advice(&self, _receipt: &Receipt) -> String {
        "squall undo, or end the agent: without it the kernel drops the redirect".to_owned()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Messages held now go on at once. The listeners stay a moment longer than the redirect,
        // for handshakes under way; open connections are carried on by the thread, which ends
        // with the last of them or when the proxy's patience does.
        self.proxy.rules().clear();
        self.redirect.detach();
        self.proxy.stop(Stop::Drain);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let counted = self.proxy.counters().snapshot();
        let held_ms = |total_ns: u64| {
            (counted.delayed > 0).then(|| total_ns as f64 / counted.delayed as f64 / 1e6)
        };
        Ok(Bite {
            hits: counted.delayed,
            seen: counted.requests,
            asked: held_ms(counted.asked_ns_total),
            delivered: held_ms(counted.delivered_ns_total),
            detail: detail(&counted, self.redirect.redirected()),
            ..Bite::default()
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.proxy.rules().extend(BootTime(lease.boottime_ns));
        self.redirect.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

/// A listener on `[::]` usually takes IPv4 as well. It does not where another socket listens on
/// the port over IPv4; that one may be somebody else's and is left alone.
fn dual(pid: u32, local: SocketAddr) -> Option<SocketAddr> {
    if local.ip() != IpAddr::from(Ipv6Addr::UNSPECIFIED) {
        return None;
    }
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let taken = table.lines().skip(1).any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let port = words.next().and_then(|local| local.split_once(':'));
        let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        port == Some(local.port()) && words.nth(1) == Some(LISTEN)
    });
    (!taken).then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()))
}

fn rules(injection: &Injection, values: &Checked) -> Result<RuleSet, EffectError> {
    let bad = |error: squall_proxy::RuleError| EffectError::BadValues(error.to_string());
    let header = values.text("header").map(HeaderMatch::parse).transpose().map_err(bad)?;
    let side = match values.word("side") {
        "response" => Side::Response,
        _ => Side::Request,
    };
    let effect = Delay::Delay { mean: values.duration("mean"), jitter: values.duration("jitter") };
    let matcher = Matcher {
        path: values.pattern("path").map(PathPattern::new),
        method: values.text("method").map(str::to_owned),
        header,
    };
    let rule = Rule { id: 1, matcher, share: values.share("share"), side, effect };
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

fn mechanism(undo: &Undo) -> String {
    let locals: Vec<_> = undo.locals.iter().map(SocketAddr::to_string).collect();
    format!("sk_lookup to a proxy for {} in net:[{}]", locals.join(", "), undo.netns)
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
