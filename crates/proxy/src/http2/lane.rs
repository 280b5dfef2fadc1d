//! One direction of a connection: what goes to its receiver, whether the receiver's table of
//! headers is in step with the sender's, and the window of the connection.
//!
//! A block goes on as it came while the receiver has read every block before it that changed the
//! table. From the first block that was kept back, changed or dropped, and that would have changed
//! the table, later ones are written anew as literals, which need no table.

use bytes::{Bytes, BytesMut};

use super::{
    frame::{self, Head},
    hpack::{self, Decoder, Field},
};
use crate::rules::Edit;

/// The window of every connection at its start.
const WINDOW: i64 = 65_535;
/// A sender that has less than this left gets back what the proxy keeps of its bytes, so that one
/// kept stream does not stop the others.
const LOW: i64 = 32_768;

#[derive(Debug)]
pub(crate) struct Lane {
    /// What the receiver gets.
    pub(crate) out: BytesMut,
    /// How much of a frame that goes on unread is to come. What else is to go waits `behind` it.
    passing: usize,
    behind: BytesMut,
    /// Whether the sender has yet to open the connection with a frame of its own, its settings:
    /// the receiver takes anything before them for a broken connection.
    opening: bool,
    decoder: Decoder,
    /// Blocks that change the table: how many came, and how many went on as they were.
    came: u64,
    went: u64,
    /// A size of the table that the receiver has yet to be told.
    table_size: Option<usize>,
    /// What the sender believes it may send.
    view: i64,
    /// What the receiver takes.
    window: i64,
    /// Whether the two may differ: the proxy sent bytes of its own or gave some back.
    managed: bool,
}

/// A header block with everything around it.
#[derive(Debug)]
pub(crate) struct Block {
    /// The frames as they came.
    raw: Bytes,
    fields: Vec<Field>,
    /// What is behind them now.
    added: Vec<Field>,
    /// Whether the fields are others than in the frames.
    changed: bool,
    changes_table: bool,
    table_size: Option<usize>,
    /// How many changes of the table were before it.
    version: u64,
    /// Whether it ends its direction of the stream.
    pub(crate) end: bool,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane {
            out: BytesMut::new(),
            passing: 0,
            behind: BytesMut::new(),
            opening: false,
            decoder: Decoder::default(),
            came: 0,
            went: 0,
            table_size: None,
            view: WINDOW,
            window: WINDOW,
            managed: false,
        }
    }
}

impl Lane {
    /// Returns one whose sender speaks before anything is said in its name.
    pub(crate) fn opened_by_sender() -> Lane {
        Lane { opening: true, ..Lane::default() }
    }

    /// Returns where the next whole frame goes.
    pub(crate) fn frames(&mut self) -> &mut BytesMut {
        if self.passing > 0 || self.opening { &mut self.behind } else { &mut self.out }
    }

    /// Returns how many bytes the receiver has not got yet.
    pub(crate) fn waiting(&self) -> usize {
        self.out.len() + self.behind.len()
    }

    /// Begins a frame that goes on in parts, whose head is at hand.
    pub(crate) fn pass_head(&mut self, stream: u32, raw: &[u8]) {
        self.opening = false;
        renumbered(raw, stream, self.frames());
        let Some(head) = Head::read(raw) else { return };
        self.passing = head.length;
        if head.kind == frame::DATA {
            self.window -= head.length as i64;
        }
    }

    /// Passes on a whole frame.
    pub(crate) fn pass_frame(&mut self, stream: u32, raw: &[u8]) {
        let opens = std::mem::take(&mut self.opening);
        renumbered(raw, stream, self.frames());
        if opens {
            self.catch_up();
        }
    }

    /// Notes that the sender has said something, whatever it was.
    pub(crate) fn opened(&mut self) {
        if std::mem::take(&mut self.opening) {
            self.catch_up();
        }
    }

    /// Sends what waited.
    fn catch_up(&mut self) {
        if self.passing == 0 && !self.behind.is_empty() {
            self.out.unsplit(std::mem::take(&mut self.behind));
        }
    }

    /// Passes on what is at hand of that frame; `true` when it is over.
    pub(crate) fn pass(&mut self, bytes: &mut BytesMut) -> bool {
        let count = self.passing.min(bytes.len());
        self.out.extend_from_slice(&bytes.split_to(count));
        self.passing -= count;
        self.catch_up();
        self.passing == 0
    }

    /// Reads a block; `None` when it is none, or too large.
    pub(crate) fn read(&mut self, raw: Bytes) -> Option<Block> {
        let head = Head::read(&raw)?;
        let fields = self.decoder.decode(&fragment(&raw)?)?;
        let version = self.came;
        self.came += u64::from(fields.changes_table);
        Some(Block {
            raw,
            fields: fields.list,
            added: Vec::new(),
            changed: false,
            changes_table: fields.changes_table,
            table_size: fields.table_size,
            version,
            end: head.kind == frame::HEADERS && head.has(frame::END_STREAM),
        })
    }

    /// Tells whether a block would go on as it came.
    pub(crate) fn in_step(&self, block: &Block) -> bool {
        block.version == self.went && !block.changed
    }

    /// Sends a block on a stream.
    pub(crate) fn send(&mut self, stream: u32, block: &Block) {
        if self.in_step(block) {
            self.went += u64::from(block.changes_table);
            if block.added.is_empty() {
                return renumbered(&block.raw, stream, self.frames());
            }
            // What is behind a block changes nothing in it.
            let mut fragment = fragment(&block.raw).unwrap_or_default();
            hpack::literals(&block.added, &mut fragment);
            return frame::headers(stream, &fragment, block.end, self.frames());
        }
        let mut fragment = BytesMut::new();
        let sizes = [self.table_size.take(), block.table_size];
        sizes.into_iter().flatten().for_each(|size| hpack::table_size(size, &mut fragment));
        hpack::literals(block.fields.iter().chain(&block.added), &mut fragment);
        frame::headers(stream, &fragment, block.end, self.frames());
    }

    /// Notes that a block does not go on.
    pub(crate) fn forget(&mut self, block: &Block) {
        self.table_size = block.table_size.or(self.table_size);
    }

    /// Sends fields of the proxy's own.
    pub(crate) fn send_fields(&mut self, stream: u32, fields: &[Field], end: bool) {
        let mut fragment = BytesMut::new();
        hpack::literals(fields, &mut fragment);
        frame::headers(stream, &fragment, end, self.frames());
    }

    /// Sends bytes of a body.
    pub(crate) fn send_data(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.window -= bytes.len() as i64;
        if bytes.is_empty() {
            return frame::data(stream, bytes, end, self.frames());
        }
        let mut parts = bytes.chunks(frame::PAYLOAD).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            frame::data(stream, part, end && last, self.frames());
        }
    }

    /// Sends bytes that the sender knows nothing of.
    pub(crate) fn send_own(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.managed = true;
        self.send_data(stream, bytes, end);
    }

    /// Notes bytes that came.
    pub(crate) fn charge(&mut self, count: usize) {
        self.view -= count as i64;
    }

    /// Returns what may go to the receiver now.
    pub(crate) fn room(&self) -> i64 {
        if self.managed { self.window } else { i64::MAX }
    }

    /// Returns what the proxy may send of its own now.
    pub(crate) fn own_room(&self) -> i64 {
        self.window
    }

    pub(crate) fn is_managed(&self) -> bool {
        self.managed
    }

    /// Notes a larger window of the receiver; returns by how much the sender's grows.
    pub(crate) fn grant(&mut self, more: u32) -> u32 {
        self.window += i64::from(more);
        let passed = (self.window - self.view).clamp(0, i64::from(more));
        self.view += passed;
        u32::try_from(passed).unwrap_or(0)
    }

    /// Returns what the sender gets back for bytes that never reach the receiver.
    pub(crate) fn refund(&mut self, count: usize) -> u32 {
        self.give(count as i64)
    }

    /// Returns what the sender gets in advance for bytes that wait, where it would run short.
    pub(crate) fn advance(&mut self, waiting: usize) -> u32 {
        if self.view < LOW { self.give(waiting as i64) } else { 0 }
    }

    fn give(&mut self, most: i64) -> u32 {
        let given = (self.window - self.view).clamp(0, most);
        self.view += given;
        self.managed |= given > 0;
        u32::try_from(given).unwrap_or(0)
    }
}

impl Block {
    /// Returns the value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&Bytes> {
        let mut all = self.fields.iter().chain(&self.added);
        all.find(|field| field.name == name.as_bytes()).map(|field| &field.value)
    }

    /// Tells whether it is a response before the final one.
    pub(crate) fn is_interim(&self) -> bool {
        self.get(":status").is_some_and(|status| status.starts_with(b"1"))
    }

    /// Frees what it shares with others, before it waits.
    pub(crate) fn keep(&mut self) {
        self.raw = Bytes::copy_from_slice(&self.raw);
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Removes fields; tells whether there were any.
    pub(crate) fn remove(&mut self, fits: impl Fn(&[u8]) -> bool) -> bool {
        let before = self.fields.len() + self.added.len();
        self.fields.retain(|field| !fits(&field.name));
        self.changed |= self.fields.len() + self.added.len() < before;
        self.added.retain(|field| !fits(&field.name));
        self.fields.len() + self.added.len() < before
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        self.added.push(Field::new(name, value.to_owned()));
    }

    /// Applies a rule's changes; tells whether there were any.
    pub(crate) fn edit(&mut self, edit: &Edit) -> bool {
        let listed =
            |name: &[u8]| edit.remove.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name));
        let removed = self.remove(listed);
        edit.add.iter().for_each(|(name, value)| self.add(name, value));
        removed || !edit.add.is_empty()
    }
}

/// Joins what the frames of a block carry.
fn fragment(raw: &[u8]) -> Option<BytesMut> {
    let mut fragment = BytesMut::new();
    let mut rest = raw;
    while let Some(head) = Head::read(rest) {
        let payload = rest.get(frame::HEAD..frame::HEAD + head.length)?;
        let mut content = match head.kind {
            frame::CONTINUATION => payload,
            _ => frame::content(head, payload)?,
        };
        if head.kind == frame::PUSH_PROMISE {
            content = content.get(4..)?;
        }
        fragment.extend_from_slice(content);
        rest = &rest[frame::HEAD + head.length..];
    }
    Some(fragment)
}

/// Appends frames with another number of their stream.
fn renumbered(raw: &[u8], stream: u32, into: &mut BytesMut) {
    let mut rest = raw;
    while let Some(head) = Head::read(rest) {
        let (frame, behind) = rest.split_at((frame::HEAD + head.length).min(rest.len()));
        let start = into.len();
        into.extend_from_slice(frame);
        if head.stream != stream {
            into[start + 5..start + frame::HEAD].copy_from_slice(&stream.to_be_bytes());
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    /// A block of one field that goes into the table, or of one that is there.
    fn raw(stream: u32, block: &[u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        frame::headers(stream, block, false, &mut bytes);
        bytes.freeze()
    }

    const INSERTS: &[u8] = b"\x40\x01a\x01b";
    const REFERS: &[u8] = b"\xbe";
    const STATIC: &[u8] = b"\x82";

    /// What a receiver reads of the bytes sent so far.
    fn received(lane: &mut Lane, receiver: &mut Decoder) -> Vec<(u32, String)> {
        let sent = lane.out.split();
        let (mut rest, mut read) = (&sent[..], Vec::new());
        while let Some(head) = Head::read(rest) {
            let (frame, behind) = rest.split_at(frame::HEAD + head.length);
            let fields = receiver.decode(&fragment(frame).unwrap()).unwrap();
            let name = String::from_utf8(fields.list[0].name.to_vec()).unwrap();
            read.push((head.stream, name));
            rest = behind;
        }
        read
    }

    #[test]
    fn a_block_that_is_overtaken_is_still_understood() {
        let (mut lane, mut receiver) = (Lane::default(), Decoder::default());
        let held = lane.read(raw(1, INSERTS)).unwrap();
        let plain = lane.read(raw(3, STATIC)).unwrap();
        let refers = lane.read(raw(5, REFERS)).unwrap();
        assert!(!lane.in_step(&plain), "it was read behind a change");
        lane.send(3, &plain);
        lane.send(5, &refers);
        lane.send(7, &held);
        let later = lane.read(raw(9, REFERS)).unwrap();
        lane.send(9, &later);
        let expected = [(3, ":method"), (5, "a"), (7, "a"), (9, "a")];
        assert_eq!(
            received(&mut lane, &mut receiver),
            expected.map(|(n, name)| (n, name.to_owned()))
        );
        // The held one went in its turn after all: the tables are in step again.
        assert!(lane.in_step(&later));
    }

    #[test]
    fn a_dropped_block_that_changes_no_table_is_not_missed() {
        let mut lane = Lane::default();
        let first = lane.read(raw(1, INSERTS)).unwrap();
        lane.send(1, &first);
        let dropped = lane.read(raw(3, REFERS)).unwrap();
        lane.forget(&dropped);
        let next = lane.read(raw(5, REFERS)).unwrap();
        assert!(lane.in_step(&next));
        let dropped = lane.read(raw(7, INSERTS)).unwrap();
        lane.forget(&dropped);
        let next = lane.read(raw(9, REFERS)).unwrap();
        assert!(!lane.in_step(&next));
    }

    #[test]
    fn a_size_that_went_lost_is_told_with_the_next_block() {
        let (mut lane, mut receiver) = (Lane::default(), Decoder::default());
        let sized = lane.read(raw(1, b"\x3f\x09\x82")).unwrap();
        lane.forget(&sized);
        let next = lane.read(raw(3, STATIC)).unwrap();
        lane.send(3, &next);
        let sent = lane.out.split();
        let read = receiver.decode(&fragment(&sent).unwrap()).unwrap();
        assert_eq!(read.table_size, Some(40));
    }

    #[test]
    fn an_added_field_keeps_the_rest_of_the_block_as_it_came() {
        let mut lane = Lane::default();
        let mut block = lane.read(raw(1, INSERTS)).unwrap();
        let edit =
            Edit { add: vec![("X-A".to_owned(), "1".to_owned())], remove: vec!["z".to_owned()] };
        assert!(block.edit(&edit));
        lane.send(1, &block);
        assert_eq!(&lane.out[9..], b"\x40\x01a\x01b\x00\x03x-a\x011");
        let next = lane.read(raw(3, REFERS)).unwrap();
        assert!(lane.in_step(&next));
        let mut block = lane.read(raw(5, REFERS)).unwrap();
        assert!(block.remove(|name| name == b"a") && !lane.in_step(&block));
    }

    #[test]
    fn frames_wait_for_one_that_is_under_way() {
        let mut lane = Lane::default();
        lane.pass_head(1, &[0, 0, 4, frame::DATA, 0, 0, 0, 0, 1]);
        assert!(!lane.pass(&mut BytesMut::from(&b"ab"[..])));
        frame::reset(3, frame::CANCEL, lane.frames());
        assert_eq!(lane.out.len(), 11);
        let mut more = BytesMut::from(&b"cdef"[..]);
        assert!(lane.pass(&mut more));
        assert_eq!((&lane.out[9..13], lane.out.len(), &more[..]), (&b"abcd"[..], 26, &b"ef"[..]));
    }

    #[test]
    fn the_sender_opens_the_connection_before_anything_is_said_in_its_name() {
        let mut lane = Lane::opened_by_sender();
        frame::reset(1, frame::CANCEL, lane.frames());
        assert_eq!((lane.out.len(), lane.waiting()), (0, 13));
        lane.pass_frame(0, &[0, 0, 0, frame::SETTINGS, 0, 0, 0, 0, 0]);
        assert_eq!((lane.out[3], lane.out.len()), (frame::SETTINGS, 22));
        frame::reset(3, frame::CANCEL, lane.frames());
        assert_eq!(lane.out.len(), 35);
    }

    #[test]
    fn windows_meet_again_after_bytes_were_kept() {
        let mut lane = Lane::default();
        lane.charge(40_000);
        assert_eq!(lane.advance(40_000), 40_000, "the sender would run short");
        assert_eq!(lane.view, lane.window);
        // The kept bytes go: the sender now believes in more than there is.
        lane.send_data(1, &[0; 40_000], false);
        assert_eq!((lane.view, lane.room()), (65_535, 25_535));
        assert_eq!(lane.grant(30_000), 0);
        assert_eq!(lane.grant(30_000), 20_000);
        assert_eq!(lane.view, lane.window);
        lane.charge(10);
        assert_eq!(lane.refund(10), 10, "dropped bytes are given back");
        assert_eq!(lane.view, lane.window);
    }
}
