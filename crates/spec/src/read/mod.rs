//! Trees to typed files: each reader walks its part and collects every diagnostic.

mod experiment;
pub(crate) mod method;
mod policy;
mod scalars;
mod services;
mod signals;
mod steady_state;
mod suggest;
mod target;
mod walk;

pub use experiment::{check_experiment, parse_experiment};
pub use policy::parse_policy;
pub use services::parse_services;
pub use suggest::closest;
