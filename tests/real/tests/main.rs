//! The real kernel and real servers, one binary: modules are the systems and the promises.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod agent;
mod agent_deaths;
mod bad_days;
mod chaos_suite;
mod clients;
mod conformance;
mod examples;
mod go_workspace;
mod http;
mod names;
mod podinfo_chain;
mod queries;
mod residue;
mod secured;
mod security;
mod seen;
mod self_harm;
mod sensitivity;
mod sla_matrix;
mod streams;
mod switch;
mod two_agents;
mod victim;
