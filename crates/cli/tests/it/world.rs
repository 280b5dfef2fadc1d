//! A folder in which nothing of this host is known, and the binary that runs in it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// An experiment that is right; its target is to be filled in.
pub(crate) const GOOD: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: good}
spec:
  hypothesis: Requests keep succeeding.
  signals:
    - scrape: http://127.0.0.1:1/metrics
  steadyState:
    - name: success
      query: sum(rate(ok_total[5s])) / sum(rate(all_total[5s]))
      expect: ">= 99%"
  baseline: 2s
  abort: {consecutive: 2, every: 1s}
  method:
    - fault: process.pause
      target: {pid: 4194304}
      hold: 10s
  recovery: {within: 5s}
"#;

pub(crate) struct World {
    folder: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> World {
        World { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(words).current_dir(self.folder()).stdin(Stdio::null());
        command.env("SQUALL_STATE", self.folder().join("state"));
        command.env_remove("SQUALL_SOCKET").env_remove("NO_COLOR").env("LANG", "C.UTF-8");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::of(&self.command(words).output().unwrap())
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Fails unless the exit code is as told and every phrase was said somewhere.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, phrases: &[&str]) -> Said {
        assert_eq!(self.code, code, "{self:#?}");
        for phrase in phrases {
            let said = self.out.contains(phrase) || self.err.contains(phrase);
            assert!(said, "{phrase:?} is missing in {self:#?}");
        }
        self
    }

    /// Fails unless the last line of what a person reads is this.
    #[track_caller]
    pub(crate) fn ends(self, line: &str) -> Said {
        let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
        let found = [last(&self.out), last(&self.err)];
        assert!(found.contains(&line.to_owned()), "{line:?} is not the end of {self:#?}");
        self
    }
}
