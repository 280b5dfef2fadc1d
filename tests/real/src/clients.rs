//! A Go program that asks resolvers and shakes hands as Go services do.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it, with the C library's resolver linked in; Go's own cache makes that cheap.
pub fn binary(lab: &crate::lab::Lab) -> PathBuf {
    let path = lab.scratch().join("clients");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let go = Command::new("go")
        .args(["build", "-o"])
        .arg(&path)
        .arg(".")
        .current_dir(folder)
        .env("CGO_ENABLED", "1")
        .env("GOFLAGS", "-p=2")
        .output()
        .expect("go starts");
    assert!(go.status.success(), "clients build: {}", String::from_utf8_lossy(&go.stderr));
    path
}
