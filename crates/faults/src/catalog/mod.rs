//! The list of faults. `cargo xtask gen` rewrites the region below from the folders here: each
//! folder NAME has a `mod.rs` with `pub static FAULT: &dyn Fault`, and an `effect.rs` (feature
//! `effects`) with `pub static EFFECT: &dyn Effect`.

use crate::fault::Fault;

/// One fault of the catalog.
pub struct Entry {
    /// Its description.
    pub fault: &'static dyn Fault,
    /// Its effect.
    #[cfg(feature = "effects")]
    pub effect: &'static dyn crate::effect::Effect,
}

/// Finds a fault by its name in files.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.fault.describe().name == name)
}

// gen:begin catalog
pub mod cpu_burr;
pub mod cpu_load;
pub mod cpu_throttle;
pub mod disk_burn;
pub mod disk_fill;
pub mod dns_answer;
pub mod dns_delay;
pub mod dns_error;
pub mod dns_timeout;
pub mod dns_truncate;
pub mod fd_exhaust;
pub mod go_chan_block;
pub mod go_context_shrink;
pub mod go_cpu_burr;
pub mod go_gc_pressure;
pub mod go_goroutine_leak;
pub mod go_grpc_delay;
pub mod go_grpc_status;
pub mod go_http_delay;
pub mod go_http_error;
pub mod go_memory_grow;
pub mod go_mutex_hold;
pub mod go_panic;
pub mod go_pool_starve;
pub mod go_probe;
pub mod grpc_cut;
pub mod grpc_deadline;
pub mod grpc_delay;
pub mod grpc_status;
pub mod grpc_trailers;
pub mod http_abort;
pub mod http_delay;
pub mod http_headers;
pub mod http_replace;
pub mod http_reset;
pub mod http_slow_body;
pub mod http_truncate;
pub mod memory_limit;
pub mod memory_load;
pub mod net_bandwidth;
pub mod net_corrupt;
pub mod net_delay;
pub mod net_duplicate;
pub mod net_limit;
pub mod net_loss;
pub mod net_occupy;
pub mod net_partition;
pub mod net_refuse;
pub mod net_reorder;
pub mod net_reset;
pub mod pids_exhaust;
pub mod process_freeze;
pub mod process_kill;
pub mod process_pause;
pub mod process_restart;
pub mod tls_alert;
pub mod tls_alpn;
pub mod tls_certificate;
pub mod tls_close;
pub mod tls_corrupt;
pub mod tls_stall;

/// Every fault, by name.
pub static ALL: &[Entry] = &[
    Entry {
        fault: cpu_burr::FAULT,
        #[cfg(feature = "effects")]
        effect: cpu_burr::effect::EFFECT,
    },
    Entry {
        fault: cpu_load::FAULT,
        #[cfg(feature = "effects")]
        effect: cpu_load::effect::EFFECT,
    },
    Entry {
        fault: cpu_throttle::FAULT,
        #[cfg(feature = "effects")]
        effect: cpu_throttle::effect::EFFECT,
    },
    Entry {
        fault: disk_burn::FAULT,
        #[cfg(feature = "effects")]
        effect: disk_burn::effect::EFFECT,
    },
    Entry {
        fault: disk_fill::FAULT,
        #[cfg(feature = "effects")]
        effect: disk_fill::effect::EFFECT,
    },
    Entry {
        fault: dns_answer::FAULT,
        #[cfg(feature = "effects")]
        effect: dns_answer::effect::EFFECT,
    },
    Entry {
        fault: dns_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: dns_delay::effect::EFFECT,
    },
    Entry {
        fault: dns_error::FAULT,
        #[cfg(feature = "effects")]
        effect: dns_error::effect::EFFECT,
    },
    Entry {
        fault: dns_timeout::FAULT,
        #[cfg(feature = "effects")]
        effect: dns_timeout::effect::EFFECT,
    },
    Entry {
        fault: dns_truncate::FAULT,
        #[cfg(feature = "effects")]
        effect: dns_truncate::effect::EFFECT,
    },
    Entry {
        fault: fd_exhaust::FAULT,
        #[cfg(feature = "effects")]
        effect: fd_exhaust::effect::EFFECT,
    },
    Entry {
        fault: go_chan_block::FAULT,
        #[cfg(feature = "effects")]
        effect: go_chan_block::effect::EFFECT,
    },
    Entry {
        fault: go_context_shrink::FAULT,
        #[cfg(feature = "effects")]
        effect: go_context_shrink::effect::EFFECT,
    },
    Entry {
        fault: go_cpu_burr::FAULT,
        #[cfg(feature = "effects")]
        effect: go_cpu_burr::effect::EFFECT,
    },
    Entry {
        fault: go_gc_pressure::FAULT,
        #[cfg(feature = "effects")]
        effect: go_gc_pressure::effect::EFFECT,
    },
    Entry {
        fault: go_goroutine_leak::FAULT,
        #[cfg(feature = "effects")]
        effect: go_goroutine_leak::effect::EFFECT,
    },
    Entry {
        fault: go_grpc_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: go_grpc_delay::effect::EFFECT,
    },
    Entry {
        fault: go_grpc_status::FAULT,
        #[cfg(feature = "effects")]
        effect: go_grpc_status::effect::EFFECT,
    },
    Entry {
        fault: go_http_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: go_http_delay::effect::EFFECT,
    },
    Entry {
        fault: go_http_error::FAULT,
        #[cfg(feature = "effects")]
        effect: go_http_error::effect::EFFECT,
    },
    Entry {
        fault: go_memory_grow::FAULT,
        #[cfg(feature = "effects")]
        effect: go_memory_grow::effect::EFFECT,
    },
    Entry {
        fault: go_mutex_hold::FAULT,
        #[cfg(feature = "effects")]
        effect: go_mutex_hold::effect::EFFECT,
    },
    Entry {
        fault: go_panic::FAULT,
        #[cfg(feature = "effects")]
        effect: go_panic::effect::EFFECT,
    },
    Entry {
        fault: go_pool_starve::FAULT,
        #[cfg(feature = "effects")]
        effect: go_pool_starve::effect::EFFECT,
    },
    Entry {
        fault: go_probe::FAULT,
        #[cfg(feature = "effects")]
        effect: go_probe::effect::EFFECT,
    },
    Entry {
        fault: grpc_cut::FAULT,
        #[cfg(feature = "effects")]
        effect: grpc_cut::effect::EFFECT,
    },
    Entry {
        fault: grpc_deadline::FAULT,
        #[cfg(feature = "effects")]
        effect: grpc_deadline::effect::EFFECT,
    },
    Entry {
        fault: grpc_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: grpc_delay::effect::EFFECT,
    },
    Entry {
        fault: grpc_status::FAULT,
        #[cfg(feature = "effects")]
        effect: grpc_status::effect::EFFECT,
    },
    Entry {
        fault: grpc_trailers::FAULT,
        #[cfg(feature = "effects")]
        effect: grpc_trailers::effect::EFFECT,
    },
    Entry {
        fault: http_abort::FAULT,
        #[cfg(feature = "effects")]
        effect: http_abort::effect::EFFECT,
    },
    Entry {
        fault: http_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: http_delay::effect::EFFECT,
    },
    Entry {
        fault: http_headers::FAULT,
        #[cfg(feature = "effects")]
        effect: http_headers::effect::EFFECT,
    },
    Entry {
        fault: http_replace::FAULT,
        #[cfg(feature = "effects")]
        effect: http_replace::effect::EFFECT,
    },
    Entry {
        fault: http_reset::FAULT,
        #[cfg(feature = "effects")]
        effect: http_reset::effect::EFFECT,
    },
    Entry {
        fault: http_slow_body::FAULT,
        #[cfg(feature = "effects")]
        effect: http_slow_body::effect::EFFECT,
    },
    Entry {
        fault: http_truncate::FAULT,
        #[cfg(feature = "effects")]
        effect: http_truncate::effect::EFFECT,
    },
    Entry {
        fault: memory_limit::FAULT,
        #[cfg(feature = "effects")]
        effect: memory_limit::effect::EFFECT,
    },
    Entry {
        fault: memory_load::FAULT,
        #[cfg(feature = "effects")]
        effect: memory_load::effect::EFFECT,
    },
    Entry {
        fault: net_bandwidth::FAULT,
        #[cfg(feature = "effects")]
        effect: net_bandwidth::effect::EFFECT,
    },
    Entry {
        fault: net_corrupt::FAULT,
        #[cfg(feature = "effects")]
        effect: net_corrupt::effect::EFFECT,
    },
    Entry {
        fault: net_delay::FAULT,
        #[cfg(feature = "effects")]
        effect: net_delay::effect::EFFECT,
    },
    Entry {
        fault: net_duplicate::FAULT,
        #[cfg(feature = "effects")]
        effect: net_duplicate::effect::EFFECT,
    },
    Entry {
        fault: net_limit::FAULT,
        #[cfg(feature = "effects")]
        effect: net_limit::effect::EFFECT,
    },
    Entry {
        fault: net_loss::FAULT,
        #[cfg(feature = "effects")]
        effect: net_loss::effect::EFFECT,
    },
    Entry {
        fault: net_occupy::FAULT,
        #[cfg(feature = "effects")]
        effect: net_occupy::effect::EFFECT,
    },
    Entry {
        fault: net_partition::FAULT,
        #[cfg(feature = "effects")]
        effect: net_partition::effect::EFFECT,
    },
    Entry {
        fault: net_refuse::FAULT,
        #[cfg(feature = "effects")]
        effect: net_refuse::effect::EFFECT,
    },
    Entry {
        fault: net_reorder::FAULT,
        #[cfg(feature = "effects")]
        effect: net_reorder::effect::EFFECT,
    },
    Entry {
        fault: net_reset::FAULT,
        #[cfg(feature = "effects")]
        effect: net_reset::effect::EFFECT,
    },
    Entry {
        fault: pids_exhaust::FAULT,
        #[cfg(feature = "effects")]
        effect: pids_exhaust::effect::EFFECT,
    },
    Entry {
        fault: process_freeze::FAULT,
        #[cfg(feature = "effects")]
        effect: process_freeze::effect::EFFECT,
    },
    Entry {
        fault: process_kill::FAULT,
        #[cfg(feature = "effects")]
        effect: process_kill::effect::EFFECT,
    },
    Entry {
        fault: process_pause::FAULT,
        #[cfg(feature = "effects")]
        effect: process_pause::effect::EFFECT,
    },
    Entry {
        fault: process_restart::FAULT,
        #[cfg(feature = "effects")]
        effect: process_restart::effect::EFFECT,
    },
    Entry {
        fault: tls_alert::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_alert::effect::EFFECT,
    },
    Entry {
        fault: tls_alpn::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_alpn::effect::EFFECT,
    },
    Entry {
        fault: tls_certificate::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_certificate::effect::EFFECT,
    },
    Entry {
        fault: tls_close::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_close::effect::EFFECT,
    },
    Entry {
        fault: tls_corrupt::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_corrupt::effect::EFFECT,
    },
    Entry {
        fault: tls_stall::FAULT,
        #[cfg(feature = "effects")]
        effect: tls_stall::effect::EFFECT,
    },
];
// gen:end
