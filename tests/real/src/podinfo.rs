//! podinfo, a Go service that nobody here wrote, as a chain: front → mid → leaf a, leaf b.

use crate::lab::Lab;
use std::path::PathBuf;
use std::process::Command;

/// The exact version, so that a cache never mixes two.
const VERSION: &str = "v1.8.1-0.20250910200901-e86405a8674e";
const PACKAGE: &str = "github.com/stefanprodan/podinfo/cmd/podinfo";

/// The port of the chain's front.
pub const FRONT: u16 = 9898;
/// The port of the chain's middle.
pub const MID: u16 = 9900;
/// The ports of the two leaves.
pub const LEAVES: [u16; 2] = [9902, 9904];

/// Builds podinfo once into a cache outside the checkout, keyed by version.
pub fn binary() -> PathBuf {
    let cache = crate::cache().join(format!("podinfo-{VERSION}"));
    let path = cache.join("podinfo");
    if !path.exists() {
        let go = Command::new("go")
            .args(["install", "-ldflags=-s -w", &format!("{PACKAGE}@{VERSION}")])
            .env("GOBIN", &cache)
            .env("GOFLAGS", "-p=2")
            .output()
            .expect("go starts");
        assert!(go.status.success(), "podinfo builds: {}", String::from_utf8_lossy(&go.stderr));
    }
    path
}

/// The ports of a chain, front first. A target by its port is found on the whole host, so two
/// chains at one time have different ones.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// That of the front.
    pub front: u16,
    /// That of the middle.
    pub mid: u16,
    /// Those of the leaves.
    pub leaves: [u16; 2],
}

/// The usual ports.
pub const PORTS: Ports = Ports { front: FRONT, mid: MID, leaves: LEAVES };
/// Those of a second chain at the same time.
pub const OTHER_PORTS: Ports =
    Ports { front: FRONT + 10, mid: MID + 10, leaves: [LEAVES[0] + 10, LEAVES[1] + 10] };

/// Starts the chain in the lab and waits until its front answers.
pub fn chain(lab: &mut Lab, ports: Ports) {
    let binary = binary();
    let mut start = |name: &str, port: u16, backends: &[u16]| {
        let (http, grpc) = (port.to_string(), (port + 1).to_string());
        let urls: Vec<_> = backends.iter().map(|b| format!("http://127.0.0.1:{b}/echo")).collect();
        let mut args = vec!["--port", &http, "--grpc-port", &grpc, "--level", "error"];
        for url in &urls {
            args.extend(["--backend-url", url]);
        }
        lab.start(name, &binary, &args);
    };
    let Ports { front, mid, leaves } = ports;
    start("leaf-a", leaves[0], &[]);
    start("leaf-b", leaves[1], &[]);
    start("mid", mid, &leaves);
    start("front", front, &[mid]);
    for port in leaves.into_iter().chain([mid, front]) {
        lab.wait_http(&format!("http://127.0.0.1:{port}/healthz"));
    }
    // The first request opens the chain's connections and makes its series.
    lab.wait_http(&format!("http://127.0.0.1:{front}/echo"));
}
