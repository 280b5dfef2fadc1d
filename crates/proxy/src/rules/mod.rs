//! What to do to which request: matchers, effects, and the set that is armed
//! now. Knows nothing of sockets; the set can be swapped while traffic flows.

mod baggage;
mod decide;
mod effect;
mod matcher;
mod pattern;
mod set;
mod share;

pub use effect::{
    Answer, Delay, Distribution, Edit, Effect, GrpcStatus, MAX_BODY, MAX_DELAY, MAX_FIELDS,
    MAX_RATE,
};
pub use matcher::{HeaderMatch, HeaderText, Matcher};
pub(crate) use pattern::glob;
pub use pattern::{HostPattern, PathPattern};
pub use set::{MAX_RULES, Rule, RuleError, RuleSet, Side};
pub use share::Share;

pub(crate) use decide::Act;
pub use decide::Rules;
pub(crate) use matcher::Request;
