//! The engine's decisions: what to do next, given what happened and what time it is. Pure.
//!
//! [`Core::step`] takes one [`Event`] and the time and answers with [`Command`]s. It opens no
//! file or socket and reads no clock; a shell or a simulation carries the commands out and feeds
//! back what happened. What it relies on from whoever drives it:
//!
//! - every `Pull` is answered with one `Pulled`, though perhaps with gaps only;
//! - calls to the agent are sent in the order they were given; an answer may never come;
//! - after `Reconnect` comes `AgentUp` as soon as there is an agent again, the old one's
//!   watchdog or the new one having undone what the old one held;
//! - `Event::Tick` arrives at [`Core::next_wakeup_us`], or any other event after it.
//!
//! In return, whatever the order of events: no fault before the steady state was seen to hold;
//! every fault that may be in place is ordered away on every path; the run's traffic rests only
//! while nothing is in place; the word is never *held* without data, without effect or without a
//! full recovery; and a run that ends with a fault perhaps still in place says so.

mod after;
mod agent;
mod arms;
mod drain;
mod event;
mod faults;
mod invariant;
mod judgement;
mod sampling;
mod script;
mod sentence;
mod slot;
mod state;
mod toggled;
mod words;

pub use event::{Command, Event, Purpose};
pub use script::{
    AGENT_WAIT_US, ARM_US_MAX, CALL_US_MAX, DISARM_TRIES_MAX, DISARM_US_MAX, PULL_SLACK_US,
    SECOND_LOOK_US, Script, ScriptStep, WATCHDOG_US_MAX,
};
pub use state::Core;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod sticky;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
