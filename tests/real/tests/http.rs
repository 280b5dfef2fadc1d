//! Asking a victim over HTTP and gRPC, from inside its namespace but outside its cgroup.

use crate::victim::Victim;
use squall_real::needs::Need;
use squall_real::podinfo;
use std::process::Stdio;

/// What a gRPC victim needs.
pub(crate) const NEEDS: &[Need] = &[Need::Go];

/// Where a gRPC victim serves.
const GRPC: &str = "127.0.0.1:8081";

/// A victim that serves gRPC: podinfo, which somebody else wrote in Go.
pub(crate) fn serving_grpc() -> Victim {
    Victim::of(
        &podinfo::binary(),
        &["--host", "127.0.0.1", "--port", "8080", "--grpc-port", "8081", "--level", "error"],
    )
}

/// The body of an answer; an error where the answer is not whole.
pub(crate) fn get(victim: &Victim, path: &str) -> Result<String, String> {
    curl(victim, &["-s", &format!("http://127.0.0.1:8080{path}")])
}

/// The head of an answer.
pub(crate) fn head(victim: &Victim, path: &str) -> String {
    let url = format!("http://127.0.0.1:8080{path}");
    curl(victim, &["-s", "-o", "/dev/null", "-D", "-", &url]).unwrap_or_default()
}

/// Calls the health service with an empty message: heads and trailers, or what curl says of it.
pub(crate) fn call(victim: &Victim) -> String {
    let message = victim.lab.scratch().join("empty-message");
    // A message of gRPC has a prefix of five bytes: no compression, no length.
    std::fs::write(&message, [0; 5]).expect("the scratch folder takes a file");
    let body = format!("@{}", message.display());
    let url = format!("http://{GRPC}/grpc.health.v1.Health/Check");
    let words = [
        "-s",
        "-o",
        "/dev/null",
        "-D",
        "-",
        "--http2-prior-knowledge",
        "-H",
        "te: trailers",
        "-H",
        "content-type: application/grpc",
        "--data-binary",
        &body,
        &url,
    ];
    curl(victim, &words).unwrap_or_else(|said| said)
}

fn curl(victim: &Victim, words: &[&str]) -> Result<String, String> {
    let mut curl = victim.lab.command("curl");
    curl.args(["--max-time", "10"]).args(words).stderr(Stdio::null());
    let output = curl.output().expect("curl starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}
