//! Owns the record's lines: numbered, timed, linked, and kept while the disk will not take them.
//! Where they are written to is an argument.

use squall_wire::chain::Chain;
use squall_wire::record::{Event, Line, RECORD_VERSION};
use std::collections::VecDeque;
use std::io;

/// Lines kept while the disk will not take them; a run of an hour has about 10,000.
const PENDING_LINES_MAX: usize = 20_000;

/// What a record is written to: a file, or a simulated disk.
pub trait Sink {
    /// Appends; where it fails, a part may have been written.
    ///
    /// # Errors
    /// The disk's answer.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts everything after the first `bytes`.
    ///
    /// # Errors
    /// The disk's answer.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// The record of one run.
#[derive(Debug)]
pub struct Recorder<S> {
    sink: S,
    seq: u64,
    chain: Chain,
    first_injected_ms: Option<i64>,
    sound_bytes: u64,
    /// True while half a line may follow the sound ones.
    torn: bool,
    pending: VecDeque<String>,
    in_trouble: bool,
}

impl<S: Sink> Recorder<S> {
    /// A record with nothing in it yet.
    pub fn new(sink: S) -> Recorder<S> {
        Recorder {
            sink,
            seq: 0,
            chain: Chain::default(),
            first_injected_ms: None,
            sound_bytes: 0,
            torn: false,
            pending: VecDeque::new(),
            in_trouble: false,
        }
    }

    /// Appends an event. A disk that refuses is said once; the lines wait for it in memory,
    /// because a run is never stopped or left unrestored for its record.
    pub fn append(&mut self, event: Event, at_unix_ms: i64) -> (Line, Option<String>) {
        if matches!(event, Event::Inject { .. }) {
            self.first_injected_ms.get_or_insert(at_unix_ms);
        }
        let t_ms = self.first_injected_ms.map(|first| at_unix_ms - first);
        let link = Some(self.chain.last().to_owned());
        let line = Line { v: RECORD_VERSION, seq: self.seq, link, at_unix_ms, t_ms, event };
        self.seq += 1;
        if self.pending.len() < PENDING_LINES_MAX {
            let mut text =
                serde_json::to_string(&line).expect("invariant: records hold JSON-safe types only");
            self.chain.advance(text.as_bytes());
            text.push('\n');
            self.pending.push_back(text);
        }
        let trouble = self.flush().err().filter(|_| !self.in_trouble);
        self.in_trouble = !self.pending.is_empty();
        let say = |error| format!("the record cannot be written: {error}; the run goes on without");
        (line, trouble.map(say))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.torn {
            // Half a line would swallow the next one.
            self.sink.cut(self.sound_bytes)?;
            self.torn = false;
        }
        while let Some(text) = self.pending.front() {
            if let Err(error) = self.sink.append(text.as_bytes()) {
                self.torn = self.sink.cut(self.sound_bytes).is_err();
                return Err(error);
            }
            self.sound_bytes += text.len() as u64;
            self.pending.pop_front();
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }
}
