//! Patterns of host names, as questions to resolvers and TLS clients carry them.

use crate::rules::glob;

/// Names where `*` stands for any text (dots included) and `?` for one character; case and a last
/// dot do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Returns the pattern of a text.
    #[must_use]
    pub fn new(text: &str) -> NamePattern {
        NamePattern(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase())
    }

    /// Tells whether a name, in small letters and without a last dot, fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |pattern: &str, name: &str, fits: bool| {
            assert_eq!(NamePattern::new(pattern).fits(name), fits, "{pattern} {name}");
        };
        check("api.example", "api.example", true);
        check("API.example.", "api.example", true);
        check("api.example", "xapi.example", false);
        check("*.example", "a.b.example", true);
        check("*.example", "example", false);
        check("payment*", "payment.default.svc.cluster.local", true);
        check("*", "", true);
    }
}
