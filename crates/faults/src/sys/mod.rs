//! The mechanisms that effects share; the only place of the house with unsafe code.

pub mod bpf;

pub mod cgroup;
pub mod clock;
pub mod doctor;
pub mod fingerprint;
mod netlink;
pub mod netns;
pub mod process;
pub mod redirect;
pub mod sock_diag;
pub mod worker;
