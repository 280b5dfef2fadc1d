//! The catalog on a real kernel. Tests that need root print SKIP and pass without it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bad_targets;
mod bench;
mod catalog;
mod child;
mod cpu_load;
mod docs;
mod doctor;
mod fingerprint;
mod foreign;
mod host;
mod http_delay;
mod net_line;
mod net_packets;
mod net_refuse;
mod net_sockets;
mod objects;
mod others;
mod process_pause;
mod redirect;
mod server;
