//! The record's file.

use crate::recorder::{Recorder, Sink};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// Makes the file. One that exists is never overwritten.
pub(super) fn create(path: &Path) -> io::Result<Recorder<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create_new(true).open(path).map(Recorder::new)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use squall_wire::chain::Chain;
    use squall_wire::record::{Event, Line, Phase};

    #[test]
    fn lines_are_numbered_timed_from_the_first_fault_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("7k2f9/record.jsonl");
        let mut recorder = create(&path).unwrap();
        recorder.append(Event::Phase(Phase::Baseline), 1_000);
        let injected = Event::Inject { injection: "i1".into(), mechanism: "m".into(), took_us: 1 };
        recorder.append(injected, 2_000);
        recorder.append(Event::Phase(Phase::Holding), 2_040);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Line> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let said: Vec<_> = lines.iter().map(|line| (line.seq, line.t_ms)).collect();
        assert_eq!(said, [(0, None), (1, Some(0)), (2, Some(40))]);
        let mut chain = Chain::default();
        for (line, text) in lines.iter().zip(text.lines()) {
            assert_eq!(line.link.as_deref(), Some(chain.last()));
            chain.advance(text.as_bytes());
        }
        assert_eq!(create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_full_disk_is_said_once_and_stops_nothing() {
        let mut recorder = Recorder::new(OpenOptions::new().write(true).open("/dev/full").unwrap());
        let phase = || Event::Phase(Phase::Baseline);
        let (line, trouble) = recorder.append(phase(), 1);
        assert!(line.seq == 0 && trouble.unwrap().contains("No space left"));
        assert_eq!(recorder.append(phase(), 2).1, None);
        assert_eq!(recorder.pending(), 2);
    }
}
