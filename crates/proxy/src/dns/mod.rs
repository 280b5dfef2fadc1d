//! A resolver in the way of the real one: questions that a rule chooses are hurt, everything else
//! is forwarded byte for byte.
//!
//! Questions arrive through [`Door`]s, by UDP and TCP; [`Origins`] tells which resolver a client
//! meant, and the answerer reaches that one itself, in whatever network namespace it runs in.
//! What is not a question for one name (garbage, updates, zone transfers, another protocol on the
//! port) passes unread. Messages are never cached.
//!
//! Limits a user should know: the real resolver sees other source ports; a resolver that refuses
//! UDP (an ICMP error) is seen by the client as one that is silent.

mod counters;
mod datagram;
mod framing;
pub(crate) mod fuzz;
mod message;
mod rules;
mod serve;
mod stream;

pub use counters::{Counters, Snapshot};
pub use message::{Name, Rcode, TYPE_A, TYPE_AAAA, TYPE_CNAME};
pub use rules::{ADDRESSES_MAX, Effect, Rule, TTL_MAX, Wrong};
pub use serve::{Answerer, Door, Origins, run};
