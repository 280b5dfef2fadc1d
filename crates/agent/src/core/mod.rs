//! The agent's decisions: who may hold which target, until when, and what undoes it. Pure.
//!
//! [`Core::step`] takes one [`Event`] and the time and answers with [`Command`]s. It opens no
//! file, reads no clock and knows no kernel; a shell or a simulation carries the commands out
//! and feeds back what happened. What it relies on from whoever drives it:
//!
//! - `Prepare`, `Apply`, `Extend`, `Bite` and `Revert` of one slot are carried out in the order
//!   they were given; those of different slots may overlap.
//! - `WriteReceipt` is answered with `Written(Ok)` only once the receipt is on disk.
//! - `Event::Tick` arrives after [`Core::wait_ns`], or any other event before it.
//! - `WatchdogReady` is told once a watchdog keeps guard, `WatchdogGone` when it died, and
//!   `WatchdogIs` when it was replaced.
//! - The ids of a connection's calls grow; one that does not is a copy, and is dropped.
//! - After a crash the open receipts of the journal come back as `Event::Found`.
//!
//! In return, whatever the order of events: no `Apply` without a synced, open receipt; no
//! injection past its deadline without a `Revert`; never more targets than the radius.

mod arm;
mod ask;
mod end;
mod event;
mod invariant;
mod limits;
mod slot;
mod state;

pub use event::{Client, Command, Event, Reverted, Slot};
pub use limits::{
    BACKOFF_NS_MAX, BACKOFF_NS_MIN, FIRST_CLIENT_NS_MAX, INJECTIONS_MAX, NAME_BYTES_MAX,
    RADIUS_CAP, REVERT_TRIES_MAX, STEP_NS_MAX,
};
pub use state::{Config, Core};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
