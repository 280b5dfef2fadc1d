//! The mechanisms that effects share; the only place of the house with unsafe code.

pub(crate) mod armed;
pub mod bpf;
pub(crate) mod calls;
pub mod cgroup;
pub mod clock;
pub(crate) mod device;
pub mod doctor;
pub mod fingerprint;
pub mod inprocess;
pub(crate) mod lateness;
pub(crate) mod line;
pub(crate) mod netlink;
pub mod netns;
pub(crate) mod packets;
pub(crate) mod place;
pub mod process;
pub(crate) mod qdisc;
pub mod redirect;
pub(crate) mod reset;
pub(crate) mod rule;
pub(crate) mod scope;
pub mod sock_diag;
pub(crate) mod stopping;
pub(crate) mod tap;
pub(crate) mod unnamed;
pub mod worker;
