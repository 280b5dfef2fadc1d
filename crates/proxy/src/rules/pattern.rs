//! Patterns for paths and hosts.

/// A path where `*` stands for any text (also slashes) and `?` for one character;
/// without either it is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(String);

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

/// A host where `*` stands for any text and `?` for one character. Case does not matter,
/// and neither does the port unless the pattern names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    text: String,
    with_port: bool,
}

impl HostPattern {
    /// Returns the pattern of a text.
    #[must_use]
    pub fn new(text: &str) -> HostPattern {
        HostPattern { text: text.to_ascii_lowercase(), with_port: port_at(text).is_some() }
    }

    /// Tells whether the value of a `Host` header, or an `:authority`, fits.
    #[must_use]
    pub fn fits(&self, host: &str) -> bool {
        let host = match port_at(host) {
            Some(at) if !self.with_port => &host[..at],
            _ => host,
        };
        glob(self.text.as_bytes(), host.to_ascii_lowercase().as_bytes())
    }
}

/// Returns where the port of a host begins, its colon included; an IPv6 address has colons of
/// its own inside brackets.
fn port_at(host: &str) -> Option<usize> {
    let at = host.rfind(':')?;
    let port = &host[at + 1..];
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*');
    (digits && !host[at..].contains(']')).then_some(at)
}

/// Matches in time linear in the text for each star: on a mismatch only the last star gives way.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn hosts() {
        let check = |pattern: &str, host: &str, expected: bool| {
            assert_eq!(HostPattern::new(pattern).fits(host), expected, "{pattern} {host}");
        };
        check("Shop.test", "shop.TEST", true);
        check("shop.test", "shop.test:8080", true);
        check("shop.test:80", "shop.test:8080", false);
        check("shop.test:8080", "shop.test:8080", true);
        check("*.shop.test", "pay.shop.test:1", true);
        check("*.shop.test", "shop.test", false);
        check("[::1]", "[::1]:80", true);
        check("[::1]", "[::1]", true);
        check("shop.test", "", false);
    }

    proptest! {
        #[test]
        fn a_star_takes_any_text(head in "[a-c]{0,4}", tail in "[a-c]{0,4}", mid in "[a-c]{0,6}") {
            let path = format!("{head}{mid}{tail}");
            let pattern = PathPattern::new(&format!("{head}*{tail}"));
            prop_assert!(pattern.fits(&path));
        }

        #[test]
        fn no_text_makes_a_pattern_panic(pattern in ".{0,12}", text in ".{0,12}") {
            let _ = PathPattern::new(&pattern).fits(&text);
            let _ = HostPattern::new(&pattern).fits(&text);
        }
    }
}
