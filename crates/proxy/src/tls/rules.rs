//! What to do with which handshake. Knows nothing of sockets.

use std::sync::Arc;

use super::{hello::Hello, impostor::Impostor};
use crate::names::NamePattern;

/// Which handshakes are hurt, how many of them, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Which server names; a client that gives none has the empty name.
    pub names: NamePattern,
    /// The share of matching handshakes that are hurt, 0 to 1.
    pub share: f64,
    /// How.
    pub effect: Effect,
}

/// What happens to a handshake.
#[derive(Debug, Clone)]
pub enum Effect {
    /// The hello is answered with a fatal alert.
    Alert(Alert),
    /// The connection is closed after the hello; with a reset or in order.
    Close {
        /// Whether by a reset.
        reset: bool,
    },
    /// A hello arrives damaged.
    Corrupt(Half),
    /// The hello goes no further until the rule is over.
    Stall,
    /// The handshake is answered by somebody else.
    Impostor(Arc<Impostor>),
}

/// Which of the two hellos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The client's, on its way to the server.
    Client,
    /// The server's, on its way to the client.
    Server,
}

/// A fatal alert (RFC 8446, 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// No acceptable set of parameters.
    HandshakeFailure,
    /// The hello could not be read.
    DecodeError,
    /// The version is too old or too new.
    ProtocolVersion,
    /// Something went wrong inside the server.
    InternalError,
    /// There is no server of that name here.
    UnrecognizedName,
    /// The server wants a certificate of the client.
    CertificateRequired,
    /// The client is not allowed in.
    AccessDenied,
    /// None of the client's protocols is spoken here.
    NoApplicationProtocol,
}

impl Alert {
    /// Returns its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Alert::HandshakeFailure => 40,
            Alert::AccessDenied => 49,
            Alert::DecodeError => 50,
            Alert::ProtocolVersion => 70,
            Alert::InternalError => 80,
            Alert::UnrecognizedName => 112,
            Alert::CertificateRequired => 116,
            Alert::NoApplicationProtocol => 120,
        }
    }

    /// Returns the record that carries it.
    pub(super) fn record(self) -> [u8; 7] {
        const FATAL: u8 = 2;
        const RECORD_ALERT: u8 = 21;
        [RECORD_ALERT, 3, 3, 0, 2, FATAL, self.number()]
    }
}

impl Rule {
    pub(super) fn fits(&self, hello: &Hello) -> bool {
        let spoken = match &self.effect {
            // Without a list of protocols nothing can go wrong in choosing one.
            Effect::Alert(Alert::NoApplicationProtocol) => !hello.protocols.is_empty(),
            Effect::Impostor(impostor) => {
                !impostor.needs_protocols() || !hello.protocols.is_empty()
            }
            _ => true,
        };
        spoken && self.names.fits(&hello.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_fit_by_name_and_by_what_can_be_hurt_in_them() {
        let check = |names: &str, effect: Effect, name: &str, protocols: &[&str], fits: bool| {
            let rule = Rule { names: NamePattern::new(names), share: 1.0, effect };
            let protocols = protocols.iter().map(|one| one.to_string()).collect();
            assert_eq!(rule.fits(&Hello { name: name.into(), protocols }), fits, "{names} {name}");
        };
        check("*.example", Effect::Stall, "api.example", &[], true);
        check("*.example", Effect::Stall, "", &[], false);
        check("*", Effect::Stall, "", &[], true);
        let none = || Effect::Alert(Alert::NoApplicationProtocol);
        check("*", none(), "a", &[], false);
        check("*", none(), "a", &["h2"], true);
    }

    #[test]
    fn an_alert_is_a_record() {
        assert_eq!(Alert::HandshakeFailure.record(), [21, 3, 3, 0, 2, 2, 40]);
    }
}
