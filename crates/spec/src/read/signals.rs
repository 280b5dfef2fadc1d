//! The `signals` list: scraped pages, a real Prometheus, our own traffic.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::experiment::{HttpVersion, SignalSpec, Traffic, TrafficPhase};
use crate::spanned::Spanned;
use crate::units::{Duration, Rate};
use crate::yaml::{Node, Pair};

/// A source that is none or two at once.
const ONE_SOURCE: Code = Code::error("S115");
/// Not an address we can talk to.
const BAD_ADDRESS: Code = Code::error("S116");
/// A list that must have something in it.
const EMPTY: Code = Code::error("S118");
/// Nobody would arrive.
const NO_ARRIVALS: Code = Code::error("S205");

const SOURCES: [&str; 3] = ["scrape", "prometheus", "traffic"];
const TRAFFIC_KEYS: [&str; 10] = [
    "url",
    "rate",
    "method",
    "body",
    "headers",
    "protocol",
    "timeout",
    "connections",
    "inFlight",
    "phases",
];
const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
];
const PROTOCOLS: [(&str, HttpVersion); 2] =
    [("http1", HttpVersion::Http1), ("http2", HttpVersion::Http2)];
/// Long enough for a slow system to answer, short enough for a client to have gone.
const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_LIMIT: (Duration, &str) = (Duration::from_secs(60), "no client waits longer");
const CONNECTIONS: u32 = 256;
/// Local ports and file descriptors of one process end here.
const CONNECTIONS_MAX: u32 = 20_000;
const IN_FLIGHT: u32 = 10_000;
const IN_FLIGHT_MAX: u32 = 100_000;
const PHASE_LIMIT: (Duration, &str) = (Duration::from_secs(24 * 3600), "a phase ends within a day");

impl Walk<'_> {
    /// Reads the sources; at least one.
    pub(super) fn signals(&mut self, body: &Fields<'_>) -> Vec<Spanned<SignalSpec>> {
        let example = "signals: [{scrape: \"http://127.0.0.1:8080/metrics\"}]";
        let Some(items) = self.filled_list(body, "signals", example) else {
            return Vec::new();
        };
        items.iter().filter_map(|item| self.signal(item)).collect()
    }

    /// Opens a list that must be there and hold something.
    pub(super) fn filled_list<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        example: &str,
    ) -> Option<&'n [Node]> {
        let pair = self.required(fields, key, example)?;
        let before = self.diagnostics.len();
        let items = self.list(pair);
        if items.is_empty() && self.diagnostics.len() == before {
            let message = format!("\"{key}\" is empty");
            self.report(Diagnostic::new(EMPTY, pair.key_span, message).help(example));
        }
        Some(items)
    }

    fn signal(&mut self, item: &Node) -> Option<Spanned<SignalSpec>> {
        let fields = self.fields(item, item.span, &SOURCES)?;
        let written = fields.among(&SOURCES);
        let [source] = written.as_slice() else {
            if written.is_empty() && fields.were_meant(&SOURCES) {
                return None;
            }
            let place = written.last().map_or(item.span, |pair| pair.key_span);
            let message = if written.is_empty() {
                "a source is scrape, prometheus or traffic"
            } else {
                "a source is one thing; begin another with a dash"
            };
            self.report(Diagnostic::new(ONE_SOURCE, place, message));
            return None;
        };
        let signal = match source.key.as_str() {
            "scrape" => SignalSpec::Scrape { url: self.address(&source.value)? },
            "prometheus" => SignalSpec::Prometheus { url: self.address(&source.value)? },
            _ => SignalSpec::Traffic(Box::new(self.traffic(source)?)),
        };
        Some(Spanned::new(signal, source.key_span))
    }

    fn address(&mut self, node: &Node) -> Option<Spanned<String>> {
        let url = self.text(node)?;
        if let Err(why) = check_address(&url) {
            let diagnostic = Diagnostic::new(BAD_ADDRESS, url.span, why);
            self.report(diagnostic.help("http://127.0.0.1:8080/metrics"));
            return None;
        }
        Some(url)
    }

    fn traffic(&mut self, pair: &Pair) -> Option<Traffic> {
        let fields = self.fields(&pair.value, pair.key_span, &TRAFFIC_KEYS)?;
        let example = "url: http://127.0.0.1:8080/api/order";
        let url = self.required(&fields, "url", example).and_then(|pair| self.address(&pair.value));
        let rate =
            self.required(&fields, "rate", "rate: 500/s").and_then(|pair| self.rate(&pair.value));
        let method = fields
            .get("method")
            .and_then(|node| self.word(node, &METHODS))
            .unwrap_or(Spanned::default_value("GET"))
            .map(str::to_owned);
        let protocol = fields
            .get("protocol")
            .and_then(|node| self.word(node, &PROTOCOLS))
            .unwrap_or(Spanned::default_value(HttpVersion::Http1));
        let timeout = self.duration_or(&fields, "timeout", TIMEOUT, TIMEOUT_LIMIT);
        let connections = (CONNECTIONS, CONNECTIONS_MAX);
        let traffic = Traffic {
            method,
            body: self.optional_text(&fields, "body"),
            headers: self.map(&fields, "headers"),
            protocol,
            timeout,
            connections: self.count_or(&fields, "connections", connections),
            in_flight: self.count_or(&fields, "inFlight", (IN_FLIGHT, IN_FLIGHT_MAX)),
            phases: self.phases(&fields),
            url: url?,
            rate: rate?,
        };
        Some(traffic)
    }

    fn count_or(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        (default, most): (u32, u32),
    ) -> Spanned<u32> {
        fields
            .get(key)
            .and_then(|node| self.count(node, most, "one process can do no more"))
            .unwrap_or(Spanned::default_value(default))
    }

    fn rate(&mut self, node: &Node) -> Option<Spanned<Rate>> {
        let rate = self.unit::<Rate>(node)?;
        if rate.is_zero() {
            self.report(Diagnostic::new(NO_ARRIVALS, rate.span, "nothing would ever be sent"));
            return None;
        }
        Some(rate)
    }

    fn phases(&mut self, fields: &Fields<'_>) -> Vec<TrafficPhase> {
        let Some(pair) = fields.pair("phases") else {
            return Vec::new();
        };
        let items = self.list(pair);
        items
            .iter()
            .filter_map(|item| {
                let fields = self.fields(item, item.span, &["rate", "for"])?;
                let rate = self.required(&fields, "rate", "rate: 800/s");
                let rate = rate.and_then(|pair| self.rate(&pair.value));
                let lasts = self.required(&fields, "for", "for: 20s");
                let lasts =
                    lasts.and_then(|pair| self.duration(&pair.value, PHASE_LIMIT.0, PHASE_LIMIT.1));
                Some(TrafficPhase { rate: rate?, lasts: lasts? })
            })
            .collect()
    }
}

/// Checks the shape of an `http` address.
fn check_address(url: &str) -> Result<(), &'static str> {
    if url.starts_with("https://") {
        return Err("https is not spoken here yet; use the plain port");
    }
    let rest = url.strip_prefix("http://").ok_or("an address begins with http://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        return Err("an address must not hold a user or password");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("an address has no spaces in it");
    }
    let (host, port) = match authority.rsplit_once(':') {
        // `[::1]` has colons of its own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err("the address names no host");
    }
    match port.map(str::parse::<crate::units::Port>) {
        Some(Err(_)) => Err("the port of the address is not from 1 to 65535"),
        _ => Ok(()),
    }
}
