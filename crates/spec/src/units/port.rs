//! TCP and UDP ports.

use super::UnitError;
use std::fmt;
use std::str::FromStr;

/// A port from 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(std::num::NonZeroU16);

impl Port {
    /// Returns the port's number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl FromStr for Port {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        // Only what prints the same reads: `+80` and `080` are typing errors.
        let port: Option<std::num::NonZeroU16> = text.parse().ok();
        match port {
            Some(port) if port.to_string() == text => Ok(Self(port)),
            _ => Err(UnitError::NotThis { text: text.to_owned(), kind: "a port from 1 to 65535" }),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
