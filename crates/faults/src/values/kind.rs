//! What a kind of value is called, what it may be, and one that would do.

use super::parse;
use crate::fault::Kind;
use squall_spec::schema::{BYTE_RATE_PATTERN, BYTES_PATTERN, DURATION_PATTERN, SHARE_PATTERN};

impl Kind {
    /// The word in tables of help.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Duration { .. } => "duration",
            Kind::Share { .. } => "percent",
            Kind::Integer { .. } => "number",
            Kind::Word(_) => "word",
            Kind::Pattern => "pattern",
            Kind::Pair => "name=text",
            Kind::Port => "port",
            Kind::Cidr => "range",
            Kind::Name => "name",
            Kind::Bytes { .. } => "size",
            Kind::ByteRate { .. } => "rate of data",
            Kind::Text { .. } => "text",
            Kind::Glob => "name pattern",
            Kind::Path => "path",
            Kind::Ports => "list of ports",
            Kind::Cidrs => "list of ranges",
            Kind::Addresses => "list of addresses",
            Kind::Names => "list of names",
            Kind::Endpoints => "list of addresses with ports",
            Kind::Service => "service",
        }
    }

    /// What it is limited to, where that can be said in a few words.
    pub fn limits(self) -> Option<String> {
        match self {
            Kind::Duration { min, max }
            | Kind::Bytes { min, max }
            | Kind::ByteRate { min, max } => Some(format!("{min} to {max}")),
            Kind::Share { min_percent, max_percent } => {
                Some(format!("{min_percent} to {max_percent}%"))
            }
            Kind::Integer { min, max } => Some(format!("{min} to {max}")),
            Kind::Word(words) => Some(words.join(" | ")),
            Kind::Text { bytes_max } => Some(format!("at most {bytes_max} bytes")),
            Kind::Pattern
            | Kind::Pair
            | Kind::Port
            | Kind::Cidr
            | Kind::Name
            | Kind::Glob
            | Kind::Path
            | Kind::Ports
            | Kind::Cidrs
            | Kind::Addresses
            | Kind::Names
            | Kind::Endpoints
            | Kind::Service => None,
        }
    }

    /// What it may be, for diagnostics: its limits, or values that would do.
    pub fn range(self) -> String {
        match self {
            Kind::Pattern => "/api/payment, /api/*".to_owned(),
            Kind::Port => "1 to 65535".to_owned(),
            Kind::Cidr => "10.0.0.0/8, ::1".to_owned(),
            other => other.limits().unwrap_or_else(|| other.sample()),
        }
    }

    /// A value that is allowed, to show in advice.
    pub fn sample(self) -> String {
        let within = |fits: bool, sample: &str, max: &str| {
            if fits { sample.to_owned() } else { max.to_owned() }
        };
        match self {
            Kind::Duration { min, max } => {
                within(parse::duration_within("250ms", min, max), "250ms", max)
            }
            Kind::Bytes { min, max } => {
                within(parse::bytes_within("64MiB", min, max), "64MiB", max)
            }
            Kind::ByteRate { min, max } => {
                within(parse::byte_rate_within("10MiB/s", min, max), "10MiB/s", max)
            }
            Kind::Share { max_percent, .. } => format!("{max_percent}%"),
            Kind::Integer { min, .. } => min.to_string(),
            Kind::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
            Kind::Pattern => "/api/*".to_owned(),
            Kind::Pair => "x-tenant=blue".to_owned(),
            Kind::Port => "8080".to_owned(),
            Kind::Cidr => "10.0.0.0/8".to_owned(),
            Kind::Name => "POST".to_owned(),
            Kind::Text { .. } => "text".to_owned(),
            Kind::Glob => "*.example.com".to_owned(),
            Kind::Path => "/var/tmp".to_owned(),
            Kind::Ports => "80,443".to_owned(),
            Kind::Cidrs => "10.0.0.0/8,::1".to_owned(),
            Kind::Addresses => "10.0.0.1,::1".to_owned(),
            Kind::Names => "GET,POST".to_owned(),
            Kind::Endpoints => "10.0.0.7:8083,[::1]:8083".to_owned(),
            Kind::Service => "payment".to_owned(),
        }
    }

    /// A pattern of its text, for the JSON Schema.
    pub fn schema_pattern(self) -> Option<&'static str> {
        match self {
            Kind::Duration { .. } => Some(DURATION_PATTERN),
            Kind::Share { .. } => Some(SHARE_PATTERN),
            Kind::Bytes { .. } => Some(BYTES_PATTERN),
            Kind::ByteRate { .. } => Some(BYTE_RATE_PATTERN),
            Kind::Path => Some("^/"),
            _ => None,
        }
    }
}
