//! Tests against the real kernel and real servers (reason: they need root and minutes).
//!
//! A [`lab::Lab`] is a network namespace and a cgroup of the test's own; everything a test starts
//! lives in it and ends with it, by pid. Nothing here touches the main namespace.
#![forbid(unsafe_code)]

pub mod clients;
pub mod lab;
pub mod needs;
pub mod podinfo;
pub mod prometheus;
pub mod squall;
pub mod until;

/// Where large things are built once: `SQUALL_CACHE`, else `~/.cache/squall`.
pub fn cache() -> std::path::PathBuf {
    if let Some(path) = std::env::var_os("SQUALL_CACHE") {
        return path.into();
    }
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/root".into());
    std::path::Path::new(&home).join(".cache/squall")
}
