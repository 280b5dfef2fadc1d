//! Text to typed experiment, every diagnostic at once (reason: purity that the compiler guards).
//!
//! Owns the experiment, policy and services files and the SLA language: their types, units,
//! diagnostics and schema.
//! It must not know faults, hosts, clocks or terminals: fault names come in as data, and a
//! diagnostic holds byte offsets that the command line draws.
#![forbid(unsafe_code)]

pub mod chaosblade;
pub mod diagnostic;
pub mod experiment;
pub mod openslo;
pub mod policy;
mod read;
pub mod schema;
pub mod services;
pub mod sla;
pub mod spanned;
pub mod units;
pub mod window;
mod yaml;

pub use diagnostic::{Code, Diagnostic, Level, LineIndex, Position, Span};
pub use experiment::{
    Abort, Budget, Checks, Drain, Experiment, FaultUse, HttpVersion, Metadata, Radius, Recovery,
    Selector, SignalSpec, SliSpec, Spec, Step, TargetSpec, Toggle, Traffic, TrafficPhase,
};
pub use policy::{Policy, Protected, Rule};
pub use read::{check_experiment, closest, parse_experiment, parse_policy, parse_services};
pub use schema::{FaultShape, KeyShape, schema};
pub use services::{Instance, Services};
pub use spanned::{Entry, Spanned, SpannedMap};
pub use units::{
    ByteRate, Bytes, Duration, Expect, Number, Op, Port, Quantity, Rate, Share, UnitError,
};
pub use window::Window;
