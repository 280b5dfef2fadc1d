//! The data plane: applies rules to bytes, knows no policy (reason: heavy dependencies).
//!
//! A connection arrives redirected by the kernel, so the local address of the
//! accepted socket is the address the client dialed; the proxy dials that same
//! address again through an [`Upstream`], which keeps its own connections out
//! of the redirect. Whoever arms the proxy owns the redirect, the lease and the
//! network namespace; this crate only moves bytes and waits.
//!
//! What is seen of a connection:
//! - **HTTP/1.1**: heads are read to decide. Bytes are forwarded exactly as they came unless a
//!   rule acts on just this message; the one exception is the last response of a connection that
//!   is drained, see [`Stop::Drain`]. Anything the scanner does not understand turns the rest of
//!   that connection into plain bytes.
//! - **HTTP/2 with prior knowledge** (gRPC included): frames are forwarded as they came, and
//!   header blocks are read along. A connection on which no rule hits a stream is the same bytes
//!   on both sides. Where one does, its frames are held, changed or dropped, and those of others
//!   stay the same but for two things, which only happen once they must: header blocks are written
//!   as literals after one that changed the table was overtaken, changed or dropped, and streams
//!   are renumbered after one was overtaken. HTTP/2 by ALPN is TLS, and passes as plain bytes.
//! - **Anything else**, also TLS: plain bytes with half-close kept.
//!
//! Limits a user should know: connections opened before the redirect was armed
//! are not seen; a proxied connection ends when the proxy does; a service that
//! refuses connections is seen by the client as a reset, because the proxy has
//! accepted by then.
#![forbid(unsafe_code)]

mod bytes_through;
mod counters;
mod delay;
pub mod dns;
#[doc(hidden)]
pub mod fuzz;
mod grpc;
mod http1;
mod http2;
mod lane;
mod layers;
mod names;
mod notice;
mod place;
mod plane;
mod readers;
mod rules;
mod seen;
mod serve;
mod sniff;
mod switch;
pub mod tls;
mod upstream;

pub use counters::{Counters, ERROR_BOUNDS_US, MAX_PATHS, Snapshot};
pub use delay::{BootTime, Sleep, Timer};
pub use lane::MAX_CONNECTIONS;
pub use layers::{Connection, Layer, Served, Stream};
pub use names::NamePattern;
pub use place::{Door, Place, Remote, Scope, Way};
pub use rules::{
    Answer, Delay, Distribution, Edit, Effect, GrpcStatus, HeaderMatch, HeaderText, HostPattern,
    MAX_BODY, MAX_DELAY, MAX_FIELDS, MAX_RATE, MAX_RULES, Matcher, PathPattern, Rule, RuleError,
    RuleSet, Rules, Share, Side,
};
pub use serve::{DRAIN_GRACE, DRAIN_MAX, Proxy, ServeError, Stop, run};
pub use switch::Switch;
pub use upstream::{Direct, Upstream};
