//! Where things are: the root, the build folder, the files that are or will be committed.

use crate::command;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("invariant: xtask is below the root")
}

/// The build folder: `CARGO_TARGET_DIR`, or `target`.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A file of the tree: its path from the root and its bytes.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// With `/` between its parts.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// Its text; empty where it is none.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }
}

/// Every file that git tracks or would track, sorted by path.
pub(crate) fn files() -> Result<Vec<File>, String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let listed = command::read(&mut git)?;
    let mut paths: Vec<&str> = listed.split('\0').filter(|p| !p.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    // A file may be listed and gone: then it is about to be removed.
    Ok(paths
        .into_iter()
        .filter_map(|path| {
            let bytes = std::fs::read(root().join(path)).ok()?;
            Some(File { path: path.to_owned(), bytes })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    #[test]
    fn this_file_is_in_the_tree() {
        let files = super::files().unwrap();
        assert!(files.iter().any(|f| f.path == "xtask/src/tree.rs" && f.text().starts_with("//!")));
        assert!(files.is_sorted_by(|a, b| a.path < b.path));
    }
}
