//! Owns the record's file: one line an event, written as it happens.

use squall_wire::record::{Event, Line, RECORD_VERSION};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Lines kept while the disk will not take them; a run of an hour has about 10,000.
const PENDING_LINES_MAX: usize = 20_000;

/// The record of one run.
#[derive(Debug)]
pub(super) struct Recorder {
    file: File,
    seq: u64,
    first_injected_ms: Option<i64>,
    sound_bytes: u64,
    pending: VecDeque<String>,
    in_trouble: bool,
}

impl Recorder {
    /// Makes the file. One that exists is never overwritten.
    pub(super) fn create(path: &Path) -> io::Result<Recorder> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Recorder {
            file,
            seq: 0,
            first_injected_ms: None,
            sound_bytes: 0,
            pending: VecDeque::new(),
            in_trouble: false,
        })
    }

    /// Appends an event. A disk that refuses is said once; the lines wait for it in memory,
    /// because a run is never stopped or left unrestored for its record.
    pub(super) fn append(&mut self, event: Event, at_unix_ms: i64) -> (Line, Option<String>) {
        if matches!(event, Event::Inject { .. }) {
            self.first_injected_ms.get_or_insert(at_unix_ms);
        }
        let t_ms = self.first_injected_ms.map(|first| at_unix_ms - first);
        let line = Line { v: RECORD_VERSION, seq: self.seq, at_unix_ms, t_ms, event };
        self.seq += 1;
        if self.pending.len() < PENDING_LINES_MAX {
            let mut text =
                serde_json::to_string(&line).expect("invariant: records hold JSON-safe types only");
            text.push('\n');
            self.pending.push_back(text);
        }
        let trouble = self.flush().err().filter(|_| !self.in_trouble);
        self.in_trouble = !self.pending.is_empty();
        let say = |error| format!("the record cannot be written: {error}; the run goes on without");
        (line, trouble.map(say))
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(text) = self.pending.front() {
            if let Err(error) = self.file.write_all(text.as_bytes()) {
                // A torn line would hide the ones after it from a reader; what cannot be cut off
                // either is still only a torn tail.
                _ = self.file.set_len(self.sound_bytes);
                return Err(error);
            }
            self.sound_bytes += text.len() as u64;
            self.pending.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use squall_wire::record::Phase;

    #[test]
    fn lines_are_numbered_timed_from_the_first_fault_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("7k2f9/record.jsonl");
        let mut recorder = Recorder::create(&path).unwrap();
        recorder.append(Event::Phase(Phase::Baseline), 1_000);
        let injected = Event::Inject { injection: "i1".into(), mechanism: "m".into(), took_us: 1 };
        recorder.append(injected, 2_000);
        recorder.append(Event::Phase(Phase::Holding), 2_040);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Line> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let said: Vec<_> = lines.iter().map(|line| (line.seq, line.t_ms)).collect();
        assert_eq!(said, [(0, None), (1, Some(0)), (2, Some(40))]);
        assert_eq!(Recorder::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_full_disk_is_said_once_and_stops_nothing() {
        let mut recorder =
            Recorder::create(&tempfile::tempdir().unwrap().path().join("r")).unwrap();
        recorder.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let phase = || Event::Phase(Phase::Baseline);
        let (line, trouble) = recorder.append(phase(), 1);
        assert!(line.seq == 0 && trouble.unwrap().contains("No space left"));
        assert_eq!(recorder.append(phase(), 2).1, None);
        assert_eq!(recorder.pending.len(), 2);
    }
}
