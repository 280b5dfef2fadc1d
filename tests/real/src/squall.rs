//! The binary as its user runs it, with a state folder and a socket of the lab's own.

use crate::lab::Lab;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The binary under test: `SQUALL_BIN`, else the one beside this test's own build.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SQUALL_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a test knows its own path");
    let folder = own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let path = folder.join("squall");
    assert!(path.exists(), "{} is missing: cargo build -p squall-cli", path.display());
    path
}

/// A `squall` command in the lab's namespace.
pub fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = lab.command(binary());
    command.args(args).current_dir(lab.scratch());
    command.env("SQUALL_STATE", lab.scratch().join("state"));
    command.env("SQUALL_SOCKET", lab.scratch().join("run/agent.sock"));
    command
}

/// Runs it to its end.
pub fn run(lab: &Lab, args: &[&str]) -> Ran {
    let output = command(lab, args).output().expect("squall starts");
    Ran::of(&output)
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; 128 and more for a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Reads a finished command.
    pub fn of(output: &Output) -> Ran {
        use std::os::unix::process::ExitStatusExt;
        let signal = output.status.signal().unwrap_or_default();
        Ran {
            code: output.status.code().unwrap_or(128 + signal),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test with everything the command said, unless the exit code is as told.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

/// The folder with the programs of the shop, `SQUALL_SHOP`, or where a build here puts them.
pub fn shop() -> PathBuf {
    std::env::var_os("SQUALL_SHOP").map_or_else(
        || {
            let own = std::env::current_exe().expect("a test knows its own path");
            let target = own.ancestors().nth(3).expect("tests lie in target/PROFILE/deps");
            target.join("shop")
        },
        PathBuf::from,
    )
}
