//! Bytes of `record.jsonl` to a [`Record`]. A torn tail is what a killed run leaves and is read
//! as such; anything else that does not parse is an error that says what to do.

use serde::Deserialize;
use squall_wire::chain::Chain;
use squall_wire::record::{Event, Line, RECORD_VERSION, Started};

/// A record of a day at five samples a second has half a million lines; beyond that is no record.
const LINES_MAX: usize = 1_000_000;

/// Keeps a mistaken file from filling the memory.
const BYTES_MAX: usize = 512 << 20;

/// A record that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What the run set out to do.
    pub started: Started,
    /// Every whole line, the first one included.
    pub lines: Vec<Line>,
    /// True where the last line was cut off, as when the machine went down.
    pub torn: bool,
    /// Whether each line follows from the one before it.
    pub links: Links,
}

/// What the links between a record's lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// Each line carries the hash of the one before it; this is the last one's.
    Whole(String),
    /// This line, from 1, does not follow from the one before it.
    Broken(usize),
    /// The build that wrote it knew of no links.
    Absent,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing in it.
    #[error("the record is empty: the run ended before its first line; run it again")]
    Empty,
    /// Larger than any record.
    #[error("the record is larger than any run writes; is this a record.jsonl?")]
    TooLarge,
    /// Written by another build.
    #[error(
        "the record has format version {found}, this build reads {RECORD_VERSION}; \
         use the squall that wrote it, or a newer one"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// A line that is no event.
    #[error("line {line} of the record is not an event: {cause}; is this a record.jsonl?")]
    Line {
        /// From 1.
        line: usize,
        /// What the parser said.
        cause: String,
    },
    /// Lines are missing or doubled.
    #[error("line {line} of the record has number {found} where {expected} was due: it was edited")]
    Sequence {
        /// From 1.
        line: usize,
        /// The number found.
        found: u64,
        /// The number due.
        expected: u64,
    },
    /// The first line is not the start of a run.
    #[error("the record does not begin with the start of a run; its first lines are missing")]
    NoStart,
}

/// Only the version, so that a newer record is told from a broken one.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Reads a record.
pub fn read(bytes: &[u8]) -> Result<Record, ReadError> {
    if bytes.len() > BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let mut lines: Vec<Line> = Vec::new();
    let mut torn = false;
    let mut chain = Chain::default();
    let mut broken = None;
    let mut chunks = bytes.split_inclusive(|b| *b == b'\n').enumerate().peekable();
    while let Some((at, chunk)) = chunks.next() {
        if chunk.trim_ascii().is_empty() {
            continue;
        }
        if lines.len() >= LINES_MAX {
            return Err(ReadError::TooLarge);
        }
        match parse(chunk, at + 1) {
            Ok(line) => {
                let expected = lines.len() as u64;
                if line.seq != expected {
                    return Err(ReadError::Sequence { line: at + 1, found: line.seq, expected });
                }
                // The first line decides whether there are links: none can be left out later.
                let linked = lines.first().unwrap_or(&line).link.is_some();
                if line.link.as_deref() != linked.then(|| chain.last()) {
                    broken.get_or_insert(at + 1);
                }
                chain.advance(chunk.trim_ascii_end());
                lines.push(line);
            }
            // The last line may be half written; a version that is known to be another is not.
            Err(ReadError::Line { .. }) if chunks.peek().is_none() && !lines.is_empty() => {
                torn = true;
            }
            Err(error) => return Err(error),
        }
    }
    let Some(first) = lines.first() else { return Err(ReadError::Empty) };
    let Event::Started(started) = &first.event else { return Err(ReadError::NoStart) };
    let links = match (broken, &first.link) {
        (Some(line), _) => Links::Broken(line),
        (None, Some(_)) => Links::Whole(chain.last().to_owned()),
        (None, None) => Links::Absent,
    };
    Ok(Record { started: (**started).clone(), lines, torn, links })
}

fn parse(chunk: &[u8], line: usize) -> Result<Line, ReadError> {
    let broken = |e: serde_json::Error| ReadError::Line { line, cause: e.to_string() };
    let version: Version = serde_json::from_slice(chunk).map_err(broken)?;
    if version.v != RECORD_VERSION {
        return Err(ReadError::Version { found: version.v });
    }
    serde_json::from_slice(chunk).map_err(broken)
}

impl Record {
    /// The record of lines that were seen as they came; none where the run never started.
    pub fn seen(lines: Vec<Line>) -> Option<Record> {
        let started = lines.iter().find_map(|line| match &line.event {
            Event::Started(started) => Some((**started).clone()),
            _ => None,
        })?;
        let mut chain = Chain::default();
        let last = lines.last().and_then(|line| serde_json::to_vec(line).ok());
        chain.advance(&last.unwrap_or_default());
        let links = Links::Whole(chain.last().to_owned());
        Some(Record { started, lines, torn: false, links })
    }

    /// Wall clock of the moment the first fault was in place, in milliseconds since 1970.
    pub fn injected_at(&self) -> Option<i64> {
        let of = |line: &Line| Some(line.at_unix_ms.saturating_sub(line.t_ms?));
        let inject = self.lines.iter().find(|l| matches!(l.event, Event::Inject { .. }))?;
        of(inject).or(Some(inject.at_unix_ms))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn bad_records_say_what_to_do() {
        let check = |bytes: &str, expected: ReadError| {
            assert_eq!(read(bytes.as_bytes()).unwrap_err(), expected);
        };
        check("", ReadError::Empty);
        check("\n", ReadError::Empty);
        check("{\"v\":7}\n", ReadError::Version { found: 7 });
        let phase = r#"{"v":1,"seq":0,"at_unix_ms":0,"t_ms":null,"event":{"phase":"baseline"}}"#;
        check(phase, ReadError::NoStart);
        check(
            &format!("{phase}\n{phase}\n"),
            ReadError::Sequence { line: 2, found: 0, expected: 1 },
        );
        assert!(matches!(read(b"hello"), Err(ReadError::Line { line: 1, .. })));
        assert!(matches!(
            read(format!("{phase}\nnot json\n{phase}").as_bytes()),
            Err(ReadError::Line { line: 2, .. })
        ));
    }

    #[test]
    fn a_line_that_was_changed_taken_out_or_unlinked_is_found() {
        let mut chain = Chain::default();
        let started = include_str!("../../wire/vectors/record.v1.jsonl").lines().next().unwrap();
        let phase = r#"{"v":1,"seq":N,"at_unix_ms":0,"t_ms":null,"event":{"phase":"baseline"}}"#;
        let mut lines = Vec::new();
        for seq in 0..4_usize {
            let plain = if seq == 0 { started } else { phase };
            let mut line: Line =
                serde_json::from_str(&plain.replace('N', &seq.to_string())).unwrap();
            line.link = Some(chain.last().to_owned());
            let text = serde_json::to_string(&line).unwrap();
            chain.advance(text.as_bytes());
            lines.push(text);
        }
        let links = |lines: &[String]| read(lines.join("\n").as_bytes()).unwrap().links;
        assert_eq!(links(&lines), Links::Whole(chain.last().to_owned()));
        let mut changed = lines.clone();
        changed[2] = changed[2].replace("baseline", "holding");
        assert_eq!(links(&changed), Links::Broken(4));
        let mut unlinked = lines.clone();
        unlinked[3] = phase.replace('N', "3");
        assert_eq!(links(&unlinked), Links::Broken(4));
        let mut started_anew = lines.clone();
        started_anew[0] = started.to_owned();
        assert_eq!(links(&started_anew), Links::Broken(2));
    }
}
