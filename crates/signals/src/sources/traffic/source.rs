//! Owns the generator as a source: from the file's words to threads, from counts to series.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{HOST, HeaderName, HeaderValue, USER_AGENT},
    http::uri::Authority,
};
use squall_query::Selector;
use squall_spec::HttpVersion;

use super::{
    arrivals::Arrivals,
    connections::{Address, Connections},
    shell::{Generator, Load},
    tally::{Outcome, Tally},
};
use crate::{
    endings::Ledger,
    gate::Gate,
    source::{Pull, Pulled, Source, SourceError},
    store::{Appended, Store},
};

/// Why traffic cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The address is none.
    #[error("send traffic to {0:?}: write the address as http://HOST:PORT/PATH")]
    Address(String),
    /// The method is none.
    #[error("send traffic with the method {0:?}: it is not a word HTTP allows")]
    Method(String),
    /// A header cannot be sent.
    #[error("send traffic with the header {0:?}: its name or value is not allowed in HTTP")]
    Header(String),
    /// The threads could not be made.
    #[error("start the traffic's threads; check the limits on processes and open files")]
    Start(#[source] io::Error),
}

/// Requests at a constant rate, from `start` until `stop` or drop.
pub struct Traffic {
    url: String,
    instance: String,
    generator: Generator,
    last_pull_ms: Option<i64>,
    /// What has been warned of: dropped requests, and requests without an answer.
    warned: (u64, u64),
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Traffic({})", self.url)
    }
}

impl Traffic {
    /// Starts to send. The seed only shifts when the first request is due, within one interval.
    ///
    /// # Errors
    /// When the request cannot be sent as written, or the machine has no thread left.
    pub fn start(spec: &squall_spec::Traffic, seed: u64) -> Result<Traffic, TrafficError> {
        let url = spec.url.value.clone();
        let uri: Uri = url.parse().map_err(|_| TrafficError::Address(url.clone()))?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let authority = authority.ok_or_else(|| TrafficError::Address(url.clone()))?.clone();
        let port = authority.port_u16().unwrap_or(80);
        let instance = format!("{}:{port}", authority.host());
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let address = Address { host, port };
        let most = spec.connections.value.max(1) as usize;
        let connections = match spec.protocol.value {
            HttpVersion::Http1 => Connections::http1(address, most),
            HttpVersion::Http2 => Connections::http2(address, most),
        };
        let load = Load {
            connections,
            request: request(spec, &uri, &authority)?,
            timeout: spec.timeout.as_std(),
            in_flight_max: spec.in_flight.value as usize,
        };
        let generator = Generator::start(Arrivals::new(spec, seed), load);
        let generator = generator.map_err(TrafficError::Start)?;
        Ok(Traffic { url, instance, generator, last_pull_ms: None, warned: (0, 0) })
    }

    /// Stops sending; requests under way are given up and not counted. The counts stay.
    pub fn stop(&mut self) {
        self.generator.stop();
    }

    fn warnings(&mut self, tally: &Tally) -> Vec<String> {
        let now = (tally.of(Outcome::Dropped), tally.of(Outcome::Error));
        let before = std::mem::replace(&mut self.warned, now);
        let mut warnings = Vec::new();
        if now.0 > before.0 {
            let count = now.0 - before.0;
            warnings.push(format!(
                "{count} requests were dropped, because as many as inFlight allows wait already"
            ));
        }
        if let Some(why) = tally.last_failure.as_ref().filter(|_| now.1 > before.1) {
            warnings.push(format!("requests failed, the last one without an answer: {why}"));
        }
        warnings
    }

    fn store(&mut self, at_ms: i64, store: &mut Store) -> Pulled {
        let (tally, age) = self.generator.read();
        let mut pulled = Pulled { warnings: self.warnings(&tally), ..Pulled::default() };
        // What is new was at zero when we last looked, or when we began.
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let zero_ms = self.last_pull_ms.unwrap_or(at_ms.saturating_sub(age_ms));
        for (labels, value) in tally.series(&self.instance) {
            pulled.series += 1;
            match store.append(&labels, at_ms, value) {
                Ok(appended) => {
                    pulled.samples += 1;
                    if appended == Appended::NewSeries {
                        store.born(&labels, zero_ms);
                    }
                }
                Err(_) => pulled.refused += 1,
            }
        }
        self.last_pull_ms = Some(at_ms);
        pulled
    }
}

/// Builds the request that is sent again and again.
fn request(
    spec: &squall_spec::Traffic,
    uri: &Uri,
    authority: &Authority,
) -> Result<Request<Full<Bytes>>, TrafficError> {
    let method = &spec.method.value;
    let method: Method = method.parse().map_err(|_| TrafficError::Method(method.clone()))?;
    let body = spec.body.as_ref().map_or_else(Bytes::new, |body| body.value.clone().into());
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    let agent = HeaderValue::from_static(concat!("squall/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    let host = HeaderValue::from_str(authority.as_str());
    let host = host.map_err(|_| TrafficError::Address(spec.url.value.clone()))?;
    match spec.protocol.value {
        HttpVersion::Http1 => {
            request.headers_mut().insert(HOST, host);
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            let path = path.parse();
            *request.uri_mut() = path.map_err(|_| TrafficError::Address(spec.url.value.clone()))?;
        }
        HttpVersion::Http2 => {
            *request.uri_mut() = uri.clone();
            *request.version_mut() = hyper::Version::HTTP_2;
        }
    }
    for entry in &spec.headers.entries {
        let bad = || TrafficError::Header(entry.key.value.clone());
        let name: HeaderName = entry.key.value.parse().map_err(|_| bad())?;
        let value = HeaderValue::from_str(&entry.value.value).map_err(|_| bad())?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

impl Source for Traffic {
    fn endings(&self) -> Option<Ledger> {
        Some(self.generator.endings())
    }

    fn gate(&self) -> Option<Gate> {
        Some(self.generator.gate())
    }

    fn describe(&self) -> String {
        format!("traffic {}", self.url)
    }

    fn pull<'a>(
        &'a mut self,
        at_ms: i64,
        _wanted: &'a [Selector],
        store: &'a mut Store,
    ) -> Pull<'a> {
        Box::pin(async move {
            if !self.generator.running() {
                return Err(SourceError::Unreachable {
                    source_name: self.describe(),
                    why: "the generator has stopped".to_owned(),
                });
            }
            Ok(Pulled { took: Duration::ZERO, ..self.store(at_ms, store) })
        })
    }
}
