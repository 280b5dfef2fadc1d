//! Owns one kept HTTP/1.1 connection to a source: plain requests, bounded answers.

use std::fmt;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Characters of a refusal's body that are shown.
const SHOWN_CHARS: usize = 200;

/// An address that cannot be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is no URL.
    #[error("read the address {0:?}: write it as http://HOST:PORT/PATH")]
    Malformed(String),
    /// The scheme is not served.
    #[error("read the address {0:?}: only http:// is supported, no {1}://")]
    Scheme(String, String),
}

/// Why a request brought no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("connect to {0}: {1}")]
    Connect(String, #[source] std::io::Error),
    #[error("exchange with {0}: {1}")]
    Exchange(String, #[source] hyper::Error),
    #[error("read the answer of {0}: {1}")]
    Body(String, Box<dyn std::error::Error + Send + Sync>),
    #[error("answered {0}: {1}")]
    Status(u16, String),
}

/// An answer's body and what it says it is.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// One source's connection, opened when needed and kept while it works.
pub(crate) struct Fetch {
    authority: String,
    host: String,
    port: u16,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Fetch {
    /// Splits a URL into the connection and the path with its query.
    pub(crate) fn to(url: &str) -> Result<(Fetch, String), AddressError> {
        let uri: Uri = url.parse().map_err(|_| AddressError::Malformed(url.into()))?;
        let authority = uri.authority().ok_or_else(|| AddressError::Malformed(url.into()))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(other) => return Err(AddressError::Scheme(url.into(), other.to_owned())),
            None => return Err(AddressError::Malformed(url.into())),
        }
        let port = uri.port_u16().unwrap_or(80);
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(AddressError::Malformed(url.into()));
        }
        let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        // Prometheus' `instance` always names the port.
        let authority = format!("{}:{port}", authority.host());
        Ok((Fetch { authority, host, port, open: None }, path))
    }

    /// Returns `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Forgets the connection, for example after a timeout left an answer half read.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// Gets a path.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        accept: &'static str,
        body_bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let accept = HeaderValue::from_static(accept);
        let request = (Method::GET, path, ("accept", accept), Bytes::new());
        self.send(request, body_bytes_max).await
    }

    /// Posts a form.
    pub(crate) async fn post_form(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        body_bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = Bytes::from(pairs.join("&"));
        self.send((Method::POST, path, (CONTENT_TYPE.as_str(), kind), body), body_bytes_max).await
    }

    async fn send(
        &mut self,
        (method, path, (header, value), body): (Method, &str, (&str, HeaderValue), Bytes),
        body_bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let request = || {
            Request::builder()
                .method(method.clone())
                .uri(path)
                .header(HOST, self.authority.as_str())
                .header(USER_AGENT, concat!("squall/", env!("CARGO_PKG_VERSION")))
                .header(header, value.clone())
                .body(Full::new(body.clone()))
                .expect("invariant: the path was parsed from a URL and the headers are fixed")
        };
        let (first, again) = (request(), request());
        let kept = self.open.take().filter(|sender| !sender.is_closed());
        // A server may close a kept connection just as it is used again; then a new one is tried.
        if let Some(mut sender) = kept
            && sender.ready().await.is_ok()
            && let Ok(response) = sender.send_request(first).await
        {
            return self.read(sender, response, body_bytes_max).await;
        }
        let mut sender = self.connect().await?;
        let response = sender
            .send_request(again)
            .await
            .map_err(|error| FetchError::Exchange(self.authority.clone(), error))?;
        self.read(sender, response, body_bytes_max).await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, FetchError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| FetchError::Connect(self.authority.clone(), error))?;
        // Small requests must not wait for the other side's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| FetchError::Exchange(self.authority.clone(), error))?;
        // It ends by itself when the sender is dropped or the server closes.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn read(
        &mut self,
        sender: SendRequest<Full<Bytes>>,
        response: hyper::Response<hyper::body::Incoming>,
        body_bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let status = response.status();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let leads_to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let leads_to = leads_to.filter(|_| status.is_redirection()).map(|to| format!("see {to}"));
        let body = Limited::new(response.into_body(), body_bytes_max)
            .collect()
            .await
            .map_err(|error| FetchError::Body(self.authority.clone(), error))?
            .to_bytes();
        self.open = Some(sender);
        if status.is_success() {
            return Ok(Answer { content_type, body });
        }
        let shown = leads_to.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Err(FetchError::Status(status.as_u16(), shown.chars().take(SHOWN_CHARS).collect()))
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetch({})", self.authority)
    }
}

/// Escapes a form's value.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn an_address_is_split_or_refused() {
        let (fetch, path) = Fetch::to("http://localhost:8080/metrics?a=b").unwrap();
        assert_eq!((fetch.authority(), path.as_str()), ("localhost:8080", "/metrics?a=b"));
        let (fetch, path) = Fetch::to("http://[::1]").unwrap();
        assert_eq!((fetch.authority(), fetch.host.as_str()), ("[::1]:80", "::1"));
        assert_eq!(path, "/");
        let error = |url: &str| Fetch::to(url).unwrap_err().to_string();
        assert!(error("https://a/metrics").ends_with("only http:// is supported, no https://"));
        assert!(error("a b").ends_with("write it as http://HOST:PORT/PATH"));
        assert!(error("127.0.0.1:9090").ends_with("write it as http://HOST:PORT/PATH"));
        assert!(error("/metrics").ends_with("write it as http://HOST:PORT/PATH"));
    }

    #[test]
    fn a_form_value_is_escaped() {
        assert_eq!(percent("{a=\"b c\"}"), "%7Ba%3D%22b%20c%22%7D");
    }
}
