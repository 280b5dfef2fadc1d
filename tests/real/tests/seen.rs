//! How each fault is used on the test's target and how its effect is seen from outside. The cases
//! live in the folders of the faults (`seen.rs`); `cargo xtask gen` lists them below.

use crate::victim::Victim;
use squall_real::needs::Need;
use squall_wire::injection::Injection;

/// Values of a `with` or `where` block.
pub(crate) type Pairs = &'static [(&'static str, &'static str)];

/// One use of a fault that every host can show.
pub(crate) struct Case {
    /// The name in the catalog.
    pub(crate) fault: &'static str,
    /// The `with` block.
    pub(crate) with: Pairs,
    /// The `where` block.
    pub(crate) filters: Pairs,
    /// Makes what it acts on.
    pub(crate) victim: fn() -> Victim,
    /// How it shows, and what is left to undo.
    pub(crate) seen: Seen,
    /// What the case itself needs; the fault's own needs are tried besides.
    pub(crate) needs: &'static [Need],
}

/// How an effect shows from outside, which also says what its life is like.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    /// True while it is on, and only then.
    While(fn(&Victim) -> bool),
    /// It acts once and leaves nothing to undo: the count has grown afterwards.
    Once(fn(&Victim) -> u64),
    /// It ends the target's process: this becomes true and stays true.
    Ends(fn(&Victim) -> bool),
}

impl Case {
    /// A case on the usual target without any values; `seen` says the rest.
    pub(crate) const fn of(fault: &'static str, seen: Seen) -> Case {
        Case { fault, with: &[], filters: &[], victim: Victim::new, seen, needs: &[] }
    }

    /// The injection on this victim.
    pub(crate) fn injection(&self, victim: &Victim) -> Injection {
        let pairs = |pairs: Pairs| {
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
        };
        Injection {
            params: pairs(self.with),
            filters: pairs(self.filters),
            ..victim.injection(self.fault, &[])
        }
    }

    /// What the count of a fault that acts once is now; 0 for the others.
    pub(crate) fn count(&self, victim: &Victim) -> u64 {
        match self.seen {
            Seen::Once(count) => count(victim),
            Seen::While(_) | Seen::Ends(_) => 0,
        }
    }

    /// True where its effect shows; `count` is what the count was before it was applied.
    pub(crate) fn shows(&self, victim: &Victim, count: u64) -> bool {
        match self.seen {
            Seen::While(shows) | Seen::Ends(shows) => shows(victim),
            Seen::Once(now) => now(victim) > count,
        }
    }

    /// True where the effect is over as far as it can be: only what holds on can still be there.
    pub(crate) fn is_over(&self, victim: &Victim) -> bool {
        match self.seen {
            Seen::While(shows) => !shows(victim),
            Seen::Once(_) | Seen::Ends(_) => true,
        }
    }

    /// True where the target's process is not there any more afterwards.
    pub(crate) fn ends_target(&self) -> bool {
        matches!(self.seen, Seen::Ends(_))
    }
}

// gen:begin cases
#[path = "../../../crates/faults/src/catalog/cpu_burr/seen.rs"]
mod cpu_burr;
#[path = "../../../crates/faults/src/catalog/cpu_load/seen.rs"]
mod cpu_load;
#[path = "../../../crates/faults/src/catalog/cpu_throttle/seen.rs"]
mod cpu_throttle;
#[path = "../../../crates/faults/src/catalog/disk_burn/seen.rs"]
mod disk_burn;
#[path = "../../../crates/faults/src/catalog/disk_fill/seen.rs"]
mod disk_fill;
#[path = "../../../crates/faults/src/catalog/dns_answer/seen.rs"]
mod dns_answer;
#[path = "../../../crates/faults/src/catalog/dns_delay/seen.rs"]
mod dns_delay;
#[path = "../../../crates/faults/src/catalog/dns_error/seen.rs"]
mod dns_error;
#[path = "../../../crates/faults/src/catalog/dns_timeout/seen.rs"]
mod dns_timeout;
#[path = "../../../crates/faults/src/catalog/dns_truncate/seen.rs"]
mod dns_truncate;
#[path = "../../../crates/faults/src/catalog/fd_exhaust/seen.rs"]
mod fd_exhaust;
#[path = "../../../crates/faults/src/catalog/go_chan_block/seen.rs"]
mod go_chan_block;
#[path = "../../../crates/faults/src/catalog/go_context_shrink/seen.rs"]
mod go_context_shrink;
#[path = "../../../crates/faults/src/catalog/go_cpu_burr/seen.rs"]
mod go_cpu_burr;
#[path = "../../../crates/faults/src/catalog/go_gc_pressure/seen.rs"]
mod go_gc_pressure;
#[path = "../../../crates/faults/src/catalog/go_goroutine_leak/seen.rs"]
mod go_goroutine_leak;
#[path = "../../../crates/faults/src/catalog/go_grpc_delay/seen.rs"]
mod go_grpc_delay;
#[path = "../../../crates/faults/src/catalog/go_grpc_status/seen.rs"]
mod go_grpc_status;
#[path = "../../../crates/faults/src/catalog/go_http_delay/seen.rs"]
mod go_http_delay;
#[path = "../../../crates/faults/src/catalog/go_http_error/seen.rs"]
mod go_http_error;
#[path = "../../../crates/faults/src/catalog/go_memory_grow/seen.rs"]
mod go_memory_grow;
#[path = "../../../crates/faults/src/catalog/go_mutex_hold/seen.rs"]
mod go_mutex_hold;
#[path = "../../../crates/faults/src/catalog/go_panic/seen.rs"]
mod go_panic;
#[path = "../../../crates/faults/src/catalog/go_pool_starve/seen.rs"]
mod go_pool_starve;
#[path = "../../../crates/faults/src/catalog/go_probe/seen.rs"]
mod go_probe;
#[path = "../../../crates/faults/src/catalog/grpc_cut/seen.rs"]
mod grpc_cut;
#[path = "../../../crates/faults/src/catalog/grpc_deadline/seen.rs"]
mod grpc_deadline;
#[path = "../../../crates/faults/src/catalog/grpc_delay/seen.rs"]
mod grpc_delay;
#[path = "../../../crates/faults/src/catalog/grpc_status/seen.rs"]
mod grpc_status;
#[path = "../../../crates/faults/src/catalog/grpc_trailers/seen.rs"]
mod grpc_trailers;
#[path = "../../../crates/faults/src/catalog/http_abort/seen.rs"]
mod http_abort;
#[path = "../../../crates/faults/src/catalog/http_delay/seen.rs"]
mod http_delay;
#[path = "../../../crates/faults/src/catalog/http_headers/seen.rs"]
mod http_headers;
#[path = "../../../crates/faults/src/catalog/http_replace/seen.rs"]
mod http_replace;
#[path = "../../../crates/faults/src/catalog/http_reset/seen.rs"]
mod http_reset;
#[path = "../../../crates/faults/src/catalog/http_slow_body/seen.rs"]
mod http_slow_body;
#[path = "../../../crates/faults/src/catalog/http_truncate/seen.rs"]
mod http_truncate;
#[path = "../../../crates/faults/src/catalog/memory_limit/seen.rs"]
mod memory_limit;
#[path = "../../../crates/faults/src/catalog/memory_load/seen.rs"]
mod memory_load;
#[path = "../../../crates/faults/src/catalog/net_bandwidth/seen.rs"]
mod net_bandwidth;
#[path = "../../../crates/faults/src/catalog/net_corrupt/seen.rs"]
mod net_corrupt;
#[path = "../../../crates/faults/src/catalog/net_delay/seen.rs"]
mod net_delay;
#[path = "../../../crates/faults/src/catalog/net_duplicate/seen.rs"]
mod net_duplicate;
#[path = "../../../crates/faults/src/catalog/net_limit/seen.rs"]
mod net_limit;
#[path = "../../../crates/faults/src/catalog/net_loss/seen.rs"]
mod net_loss;
#[path = "../../../crates/faults/src/catalog/net_occupy/seen.rs"]
mod net_occupy;
#[path = "../../../crates/faults/src/catalog/net_partition/seen.rs"]
mod net_partition;
#[path = "../../../crates/faults/src/catalog/net_refuse/seen.rs"]
mod net_refuse;
#[path = "../../../crates/faults/src/catalog/net_reorder/seen.rs"]
mod net_reorder;
#[path = "../../../crates/faults/src/catalog/net_reset/seen.rs"]
mod net_reset;
#[path = "../../../crates/faults/src/catalog/pids_exhaust/seen.rs"]
mod pids_exhaust;
#[path = "../../../crates/faults/src/catalog/process_freeze/seen.rs"]
mod process_freeze;
#[path = "../../../crates/faults/src/catalog/process_kill/seen.rs"]
mod process_kill;
#[path = "../../../crates/faults/src/catalog/process_pause/seen.rs"]
mod process_pause;
#[path = "../../../crates/faults/src/catalog/process_restart/seen.rs"]
mod process_restart;
#[path = "../../../crates/faults/src/catalog/tls_alert/seen.rs"]
mod tls_alert;
#[path = "../../../crates/faults/src/catalog/tls_alpn/seen.rs"]
mod tls_alpn;
#[path = "../../../crates/faults/src/catalog/tls_certificate/seen.rs"]
mod tls_certificate;
#[path = "../../../crates/faults/src/catalog/tls_close/seen.rs"]
mod tls_close;
#[path = "../../../crates/faults/src/catalog/tls_corrupt/seen.rs"]
mod tls_corrupt;
#[path = "../../../crates/faults/src/catalog/tls_stall/seen.rs"]
mod tls_stall;

/// Every case, by the fault's name.
pub(crate) const CASES: &[Case] = &[
    cpu_burr::CASE,
    cpu_load::CASE,
    cpu_throttle::CASE,
    disk_burn::CASE,
    disk_fill::CASE,
    dns_answer::CASE,
    dns_delay::CASE,
    dns_error::CASE,
    dns_timeout::CASE,
    dns_truncate::CASE,
    fd_exhaust::CASE,
    go_chan_block::CASE,
    go_context_shrink::CASE,
    go_cpu_burr::CASE,
    go_gc_pressure::CASE,
    go_goroutine_leak::CASE,
    go_grpc_delay::CASE,
    go_grpc_status::CASE,
    go_http_delay::CASE,
    go_http_error::CASE,
    go_memory_grow::CASE,
    go_mutex_hold::CASE,
    go_panic::CASE,
    go_pool_starve::CASE,
    go_probe::CASE,
    grpc_cut::CASE,
    grpc_deadline::CASE,
    grpc_delay::CASE,
    grpc_status::CASE,
    grpc_trailers::CASE,
    http_abort::CASE,
    http_delay::CASE,
    http_headers::CASE,
    http_replace::CASE,
    http_reset::CASE,
    http_slow_body::CASE,
    http_truncate::CASE,
    memory_limit::CASE,
    memory_load::CASE,
    net_bandwidth::CASE,
    net_corrupt::CASE,
    net_delay::CASE,
    net_duplicate::CASE,
    net_limit::CASE,
    net_loss::CASE,
    net_occupy::CASE,
    net_partition::CASE,
    net_refuse::CASE,
    net_reorder::CASE,
    net_reset::CASE,
    pids_exhaust::CASE,
    process_freeze::CASE,
    process_kill::CASE,
    process_pause::CASE,
    process_restart::CASE,
    tls_alert::CASE,
    tls_alpn::CASE,
    tls_certificate::CASE,
    tls_close::CASE,
    tls_corrupt::CASE,
    tls_stall::CASE,
];
// gen:end

#[test]
fn only_a_fault_that_ends_its_target_leaves_none_behind() {
    let lives: [(Seen, bool); 3] = [
        (Seen::While(Victim::is_stopped), false),
        (Seen::Once(|victim| victim.dials().1), false),
        (Seen::Ends(|victim| victim.state() == 'Z'), true),
    ];
    for (seen, ends) in lives {
        assert_eq!(Case::of("sample.fault", seen).ends_target(), ends);
    }
}
