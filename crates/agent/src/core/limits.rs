//! Every limit of the core, each with its reason.

/// Targets one run may hold on one host, whatever its file or policy says: an experiment that
/// needs more is spread over hosts.
pub const RADIUS_CAP: u32 = 32;
/// Injections of all runs together: room for four runs of as many targets as one may have. Each has
/// a thread of its own while it lives, and a place in the journal.
pub const INJECTIONS_MAX: usize = 128;
/// Attempts to undo before a person is asked: with the backoff below about 700 ms in all.
pub const REVERT_TRIES_MAX: u32 = 6;
/// The first pause between two attempts: long enough for a dying process to be reaped.
pub const BACKOFF_NS_MIN: u64 = 20 * 1_000_000;
/// The longest pause between two attempts: a target must not wait for our politeness.
pub const BACKOFF_NS_MAX: u64 = 500 * 1_000_000;
/// The longest a step of a fault may take before the injection is given up.
pub const STEP_NS_MAX: u64 = squall_faults::effect::STEP_MS_MAX * 1_000_000;
/// How long an agent that was started for one run waits for its first client.
pub const FIRST_CLIENT_NS_MAX: u64 = 10 * 1_000_000_000;
/// The longest run or injection id: ids become parts of file and cgroup names.
pub const NAME_BYTES_MAX: usize = 64;

/// The pause before attempt number `tries` + 1.
pub(super) fn backoff_ns(tries: u32) -> u64 {
    BACKOFF_NS_MIN.saturating_mul(1 << tries.min(16)).min(BACKOFF_NS_MAX)
}
