//! The conditions of a rule, and what it can see of a request.

use super::{HostPattern, PathPattern, RuleError, baggage};

/// The conditions of a rule; an absent one is always met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// The path without its query.
    pub path: Option<PathPattern>,
    /// The method, as sent.
    pub method: Option<String>,
    /// The host asked for.
    pub host: Option<HostPattern>,
    /// A header.
    pub header: Option<HeaderMatch>,
    /// A member of the W3C baggage, key and value.
    pub baggage: Option<(String, String)>,
    /// Whether only gRPC requests fit.
    pub grpc: bool,
}

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

/// What a rule can see of a request; `headers` calls back for each header.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderVisit<'a>,
}

/// Visits all headers of a request, whatever holds them. The host of an HTTP/2 request, which
/// has a field of its own there, comes as `host`.
pub(crate) type HeaderVisit<'a> = dyn Fn(&mut dyn FnMut(&str, &[u8])) + 'a;

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
    pub(super) fn fits(&self, request: &Request<'_>) -> bool {
        self.path.as_ref().is_none_or(|path| path.fits(request.path))
            && self.method.as_ref().is_none_or(|method| method == request.method)
            && self.host.as_ref().is_none_or(|host| {
                request.any("host", |value| {
                    std::str::from_utf8(value).is_ok_and(|value| host.fits(value))
                })
            })
            && self.header.as_ref().is_none_or(|header| {
                request.any(&header.name, |value| header.fits(&header.name, value))
            })
            && self.baggage.as_ref().is_none_or(|(key, value)| {
                request.any("baggage", |header| baggage::has(header, key, value))
            })
            && (!self.grpc || request.is_grpc())
    }
}

impl Request<'_> {
    /// Tells whether any header of a name has a value that fits.
    pub(super) fn any(&self, name: &str, fits: impl Fn(&[u8]) -> bool) -> bool {
        let mut found = false;
        (self.headers)(&mut |one, value| {
            found |= one.eq_ignore_ascii_case(name) && fits(value);
        });
        found
    }

    /// Tells whether this is a gRPC call: `application/grpc`, with or without a `+` or parameters,
    /// but not gRPC-Web, which puts its trailers elsewhere.
    pub(crate) fn is_grpc(&self) -> bool {
        self.any("content-type", |value| {
            let rest = value.strip_prefix(b"application/grpc");
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

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

    fn fits(matcher: &Matcher, headers: &[(&str, &str)]) -> bool {
        let visit = |each: &mut dyn FnMut(&str, &[u8])| {
            headers.iter().for_each(|(name, value)| each(name, value.as_bytes()));
        };
        matcher.fits(&Request { method: "POST", path: "/a", headers: &visit })
    }

    #[test]
    fn every_condition_must_be_met() {
        let all = Matcher {
            path: Some(PathPattern::new("/a")),
            method: Some("POST".to_owned()),
            host: Some(HostPattern::new("shop.*")),
            header: Some(HeaderMatch::parse("x-tenant=blue").unwrap()),
            baggage: Some(("squall".to_owned(), "on".to_owned())),
            grpc: true,
        };
        let headers = [
            ("Host", "shop.test:80"),
            ("X-Tenant", "green"),
            ("x-tenant", "blue"),
            ("baggage", "a=b"),
            ("baggage", "squall=on"),
            ("content-type", "application/grpc+proto"),
        ];
        assert!(fits(&all, &headers) && fits(&Matcher::default(), &[]));
        for missing in 0..headers.len() {
            let mut some = headers.to_vec();
            some.remove(missing);
            assert_eq!(fits(&all, &some), missing == 1 || missing == 3, "{missing}");
        }
        assert!(!fits(&Matcher { path: Some(PathPattern::new("/b")), ..all.clone() }, &headers));
        assert!(!fits(&Matcher { method: Some("GET".to_owned()), ..all }, &headers));
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let grpc = Matcher { grpc: true, ..Matcher::default() };
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc;x=1", true),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            assert_eq!(fits(&grpc, &[("Content-Type", value)]), expected, "{value}");
        }
    }
}
