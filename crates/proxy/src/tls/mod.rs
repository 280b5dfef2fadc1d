//! TLS handshakes that are hurt before a key exists: the client's hello is read, nothing is
//! decrypted, and what is no TLS or is not chosen passes byte for byte.
//!
//! Most effects need no certificate. [`Impostor`] answers the handshake itself with a certificate
//! that a client has to refuse. One that does not is counted, and its connection is closed: what
//! it says is never read, and never passed on.

mod counters;
pub(crate) mod fuzz;
mod hello;
mod impostor;
mod relay;
mod rules;

pub use counters::{Counters, Snapshot};
pub use impostor::{Fake, Impostor, ImpostorError};
pub use relay::Handshakes;
pub use rules::{Alert, Effect, Half, Rule};
