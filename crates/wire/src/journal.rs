//! The journal's bytes: one entry a line, `crc32c length link json`, readable with `cat`.
//!
//! A line counts only when its length and checksum (of all that follows them) agree and it ends
//! in a newline. A torn tail (power cut, full disk) is dropped; a bad line in the middle is
//! skipped and reported, so that one rotten sector never hides the receipts after it. The link is
//! the hash of the line before: a journal that was changed by hand is still replayed, because
//! what it holds may be in place, and is reported.
//!
//! The first line may carry any link, since a journal with nothing open is emptied and goes on.
//! Lines without one were written before there were links.

use crate::chain::Chain;
use crate::receipt::{Entry, Receipt};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The longest line a reader accepts. A receipt is about 1 KiB; 1 MiB is never reached honestly.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What a journal said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    /// Receipts that were opened and not closed, oldest first.
    pub open: Vec<Receipt>,
    /// How many entries were read.
    pub entries: usize,
    /// Lines that could not be read, by number from 1, with the reason.
    pub damaged: Vec<(usize, Damage)>,
    /// Length of the prefix that ends in a newline; a writer truncates to it before appending.
    pub sound_bytes: usize,
    /// Where the chain goes on after that prefix.
    pub chain: Chain,
}

/// Why a line does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The last line has no newline: it was being written when the power went.
    #[error("torn tail of {0} bytes")]
    Torn(usize),
    /// Length or checksum disagree.
    #[error("checksum does not match")]
    Checksum,
    /// The frame is not `crc length json`.
    #[error("not a journal line")]
    Frame,
    /// The entry is sound, and counts, but it does not follow from the line before it.
    #[error("the line before it was changed, or lines between them are gone")]
    Link,
    /// The JSON is sound but this build does not know it.
    #[error("unknown entry: {0}")]
    Unknown(String),
}

/// Renders one entry as the line that goes on with `chain`, newline included.
pub fn encode(entry: &Entry, chain: &Chain) -> String {
    let json = serde_json::to_string(entry).expect("invariant: entries hold only JSON-safe types");
    assert!(json.len() < LINE_BYTES_MAX / 2, "a receipt is far below the line limit");
    let body = format!("{} {json}", chain.last());
    let crc = crc32c::crc32c(body.as_bytes());
    let mut line = String::with_capacity(body.len() + 32);
    writeln!(line, "{crc:08x} {} {body}", body.len()).expect("invariant: writing to a String");
    line
}

/// Reads a whole journal. Never fails: what cannot be read is in `damaged`.
pub fn replay(bytes: &[u8]) -> Replay {
    let mut out = Replay::default();
    let mut open: BTreeMap<String, (usize, Receipt)> = BTreeMap::new();
    let mut number = 0;
    let mut linked = false;
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let (line, tail) = rest.split_at(end);
        rest = &tail[1..];
        number += 1;
        match decode(line) {
            Ok((link, entry)) => {
                out.entries += 1;
                let follows = match &link {
                    Some(link) => number == 1 || link == out.chain.last(),
                    None => !linked,
                };
                linked |= link.is_some();
                if !follows {
                    out.damaged.push((number, Damage::Link));
                }
                match entry {
                    Entry::Open(receipt) => {
                        open.insert(receipt.id.clone(), (number, receipt));
                    }
                    Entry::Close { id, .. } => drop(open.remove(&id)),
                }
            }
            Err(damage) => out.damaged.push((number, damage)),
        }
        out.chain.advance(line);
    }
    out.sound_bytes = bytes.len() - rest.len();
    if !rest.is_empty() {
        out.damaged.push((number + 1, Damage::Torn(rest.len())));
    }
    let mut receipts: Vec<_> = open.into_values().collect();
    receipts.sort_by_key(|(number, _)| *number);
    out.open = receipts.into_iter().map(|(_, receipt)| receipt).collect();
    out
}

/// The link of a line, where it has one, and its entry.
fn decode(line: &[u8]) -> Result<(Option<String>, Entry), Damage> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Damage::Frame);
    }
    let text = std::str::from_utf8(line).map_err(|_| Damage::Checksum)?;
    let mut parts = text.splitn(3, ' ');
    let (Some(crc), Some(length), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Damage::Frame);
    };
    let crc = u32::from_str_radix(crc, 16).map_err(|_| Damage::Frame)?;
    let length: usize = length.parse().map_err(|_| Damage::Frame)?;
    if length != body.len() || crc32c::crc32c(body.as_bytes()) != crc {
        return Err(Damage::Checksum);
    }
    let (link, json) = match body.split_once(' ') {
        Some((link, json)) if Chain::is_link(link) => (Some(link.to_owned()), json),
        _ => (None, body),
    };
    let entry = serde_json::from_str(json).map_err(|error| Damage::Unknown(error.to_string()))?;
    Ok((link, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{BootId, ProcessIdentity};
    use crate::receipt::RECEIPT_VERSION;
    use proptest::prelude::*;

    fn receipt(id: &str) -> Receipt {
        Receipt {
            v: RECEIPT_VERSION,
            id: id.into(),
            run: "7k2f9".into(),
            injection: "i1".into(),
            fault: "process.pause".into(),
            target: "payment-1".into(),
            process: ProcessIdentity { pid: 4121, start_ticks: 99 },
            boot: BootId("b".into()),
            at_unix_ms: 1,
            undo: serde_json::json!({"signal": "CONT"}),
        }
    }

    fn close(id: &str) -> Entry {
        Entry::Close { id: id.into(), by: "agent".into(), at_unix_ms: 2 }
    }

    /// A journal as one writer leaves it.
    fn journal(entries: &[Entry]) -> Vec<String> {
        let mut chain = Chain::default();
        let line = |entry: &Entry| {
            let line = encode(entry, &chain);
            chain.advance(line.trim_end().as_bytes());
            line
        };
        entries.iter().map(line).collect()
    }

    #[test]
    fn open_without_close_is_what_is_left_to_undo() {
        let lines = journal(&[Entry::Open(receipt("a")), Entry::Open(receipt("b")), close("a")]);
        let replay = replay(lines.concat().as_bytes());
        assert_eq!(replay.open, vec![receipt("b")]);
        assert_eq!(replay.entries, 3);
        assert!(replay.damaged.is_empty());
    }

    #[test]
    fn every_cut_keeps_all_whole_lines_before_it() {
        let lines = journal(&[Entry::Open(receipt("a")), Entry::Open(receipt("b"))]);
        let text = lines.concat();
        for cut in 0..text.len() {
            let replay = replay(&text.as_bytes()[..cut]);
            let whole = usize::from(cut >= lines[0].len());
            assert_eq!(replay.open.len(), whole, "cut at {cut}");
            assert_eq!(replay.sound_bytes, whole * lines[0].len());
        }
    }

    #[test]
    fn a_rotten_line_hides_nothing_after_it() {
        let lines = journal(&[Entry::Open(receipt("a")), Entry::Open(receipt("b"))]);
        let mut text = lines.concat().into_bytes();
        text[100] ^= 1;
        let replay = replay(&text);
        assert_eq!(replay.open, vec![receipt("b")]);
        assert_eq!(replay.damaged, vec![(1, Damage::Checksum), (2, Damage::Link)]);
    }

    #[test]
    fn a_line_that_is_taken_out_or_put_in_is_found_and_the_rest_still_counts() {
        let entries = [Entry::Open(receipt("a")), Entry::Open(receipt("b")), close("a")];
        let lines = journal(&entries);
        let found = |text: String| replay(text.as_bytes());
        let without = found([lines[0].as_str(), &lines[2]].concat());
        assert_eq!(without.damaged, vec![(2, Damage::Link)]);
        assert!(without.open.is_empty());
        let forged = encode(&close("b"), &Chain::default());
        let with = found([lines.concat(), forged].concat());
        assert_eq!(with.damaged, vec![(4, Damage::Link)]);
        // One without a link cannot hide behind the format of earlier builds.
        let json = serde_json::to_string(&close("b")).unwrap_or_default();
        let crc = crc32c::crc32c(json.as_bytes());
        let bare = format!("{crc:08x} {} {json}\n", json.len());
        assert_eq!(found([lines.concat(), bare].concat()).damaged, vec![(4, Damage::Link)]);
    }

    proptest! {
        #[test]
        fn noise_never_panics_and_never_forges(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(replay(&bytes).open.is_empty());
        }
    }
}
