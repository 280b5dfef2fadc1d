//! A real Prometheus over its HTTP API.
