//! What a test needs of the machine; a missing need is a printed skip, never a silent pass.

use std::path::Path;
use std::process::{Command, Stdio};

/// One need.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// Effective user id 0.
    Root,
    /// Network namespaces can be made.
    Netns,
    /// A cgroup v2 mount.
    Cgroup2,
    /// A Go toolchain.
    Go,
    /// Debian's prometheus.
    Prometheus,
    /// OpenSSL's program, as a TLS server.
    OpenSsl,
    /// Debian's dnsmasq, a resolver, and dig, a client of it.
    Dns,
}

/// True where all needs are met; prints `SKIP name: reason` otherwise, which the test runner
/// counts, and which is a failure in CI.
pub fn met(test: &str, needs: &[Need]) -> bool {
    let missing = needs.iter().find_map(|need| need.missing());
    if let Some(reason) = missing {
        println!("SKIP {test}: {reason}");
        return false;
    }
    true
}

impl Need {
    fn missing(self) -> Option<&'static str> {
        let (ok, reason) = match self {
            Need::Root => (is_root(), "not root"),
            Need::Netns => (is_root() && runs("ip", &["netns", "list"]), "cannot make namespaces"),
            Need::Cgroup2 => (crate::lab::cgroup2_mount().is_some(), "no cgroup v2 mount"),
            Need::Go => (runs("go", &["version"]), "no Go toolchain"),
            Need::OpenSsl => (runs("openssl", &["version"]), "no openssl"),
            Need::Dns => {
                (runs("dnsmasq", &["--version"]) && runs("dig", &["-v"]), "no dnsmasq or dig")
            }
            Need::Prometheus => (Path::new("/usr/bin/prometheus").exists(), "no prometheus"),
        };
        (!ok).then_some(reason)
    }
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|s| {
        s.lines().any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(2) == Some("0"))
    })
}

fn runs(program: &str, args: &[&str]) -> bool {
    let null = || Stdio::null();
    Command::new(program)
        .args(args)
        .stdout(null())
        .stderr(null())
        .status()
        .is_ok_and(|s| s.success())
}
