//! A real Prometheus over its HTTP API: raw samples in, so that every query is evaluated here and
//! the verdict is the same with both sources.

pub(crate) mod answer;
mod server;

pub use server::{ANSWER_BYTES_MAX, FIRST_REACH_MS, OVERLAP_MS, Prometheus, TIMEOUT};
