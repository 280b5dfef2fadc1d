//! Frames of HTTP/2: their heads, and the few that the proxy writes itself.

use bytes::{BufMut, BytesMut};

/// The length of a frame's head.
pub(crate) const HEAD: usize = 9;
/// The most that every receiver takes in one frame.
pub(crate) const PAYLOAD: usize = 16_384;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const HAS_PRIORITY: u8 = 0x20;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;

/// The settings that matter to someone in between.
pub(crate) const SETTING_INITIAL_WINDOW: u16 = 4;
/// The highest number of a stream.
pub(crate) const LAST_STREAM: u32 = (1 << 31) - 1;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Option<Head> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let number = |at: &[u8]| at.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
        Some(Head {
            length: number(&head[..3]) as usize,
            kind: head[3],
            flags: head[4],
            stream: number(&head[5..]) & LAST_STREAM,
        })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn write(&self, into: &mut BytesMut) {
        let length = (self.length as u32).to_be_bytes();
        into.put_slice(&length[1..]);
        into.put_u8(self.kind);
        into.put_u8(self.flags);
        into.put_u32(self.stream);
    }
}

/// Reads a number of 31 bits, as windows, codes and streams are.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) & LAST_STREAM)
}

/// Removes what surrounds the content of a frame: padding, and the priority of a HEADERS frame.
/// `None` when there is more padding than frame.
pub(crate) fn content(head: Head, payload: &[u8]) -> Option<&[u8]> {
    let mut content = payload;
    let mut padding = 0;
    if head.has(PADDED) {
        let (&length, rest) = content.split_first()?;
        padding = usize::from(length);
        content = rest;
    }
    if head.kind == HEADERS && head.has(HAS_PRIORITY) {
        content = content.get(5..)?;
    }
    content.get(..content.len().checked_sub(padding)?)
}

/// Yields the settings of a frame.
pub(crate) fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).map(|one| {
        let id = u16::from_be_bytes([one[0], one[1]]);
        (id, u32::from_be_bytes([one[2], one[3], one[4], one[5]]))
    })
}

pub(crate) fn data(stream: u32, bytes: &[u8], end: bool, into: &mut BytesMut) {
    let flags = if end { END_STREAM } else { 0 };
    Head { length: bytes.len(), kind: DATA, flags, stream }.write(into);
    into.put_slice(bytes);
}

/// Writes a header block in as many frames as it needs.
pub(crate) fn headers(stream: u32, block: &[u8], end: bool, into: &mut BytesMut) {
    let mut kind = HEADERS;
    let mut flags = if end { END_STREAM } else { 0 };
    let mut rest = block;
    loop {
        let (now, later) = rest.split_at(rest.len().min(PAYLOAD));
        if later.is_empty() {
            flags |= END_HEADERS;
        }
        Head { length: now.len(), kind, flags, stream }.write(into);
        into.put_slice(now);
        if later.is_empty() {
            return;
        }
        (kind, flags, rest) = (CONTINUATION, 0, later);
    }
}

pub(crate) fn reset(stream: u32, code: u32, into: &mut BytesMut) {
    Head { length: 4, kind: RST_STREAM, flags: 0, stream }.write(into);
    into.put_u32(code);
}

pub(crate) fn window_update(stream: u32, more: u32, into: &mut BytesMut) {
    Head { length: 4, kind: WINDOW_UPDATE, flags: 0, stream }.write(into);
    into.put_u32(more);
}

pub(crate) fn ping(payload: [u8; 8], into: &mut BytesMut) {
    Head { length: 8, kind: PING, flags: 0, stream: 0 }.write(into);
    into.put_slice(&payload);
}

pub(crate) fn goaway(last: u32, code: u32, into: &mut BytesMut) {
    Head { length: 8, kind: GOAWAY, flags: 0, stream: 0 }.write(into);
    into.put_u32(last);
    into.put_u32(code);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_takes_as_many_frames_as_it_needs() {
        for (length, frames) in [(0, 1), (PAYLOAD, 1), (PAYLOAD + 1, 2), (3 * PAYLOAD, 3)] {
            let mut bytes = BytesMut::new();
            headers(5, &vec![7; length], true, &mut bytes);
            let (mut rest, mut seen, mut total) = (&bytes[..], 0, 0);
            while let Some(head) = Head::read(rest) {
                let kind = if seen == 0 { HEADERS } else { CONTINUATION };
                seen += 1;
                assert_eq!((head.kind, head.stream), (kind, 5));
                assert_eq!(
                    (head.has(END_HEADERS), head.has(END_STREAM)),
                    (seen == frames, seen == 1)
                );
                total += head.length;
                rest = &rest[HEAD + head.length..];
            }
            assert_eq!((seen, total), (frames, length));
        }
    }

    #[test]
    fn padding_and_priority_are_no_content() {
        let head = |kind, flags| Head { length: 0, kind, flags, stream: 1 };
        assert_eq!(content(head(DATA, PADDED), &[2, 9, 9, 0, 0]), Some(&[9, 9][..]));
        assert_eq!(content(head(DATA, PADDED), &[3, 0, 0]), None);
        assert_eq!(content(head(DATA, PADDED), &[]), None);
        let both = head(HEADERS, PADDED | HAS_PRIORITY);
        assert_eq!(content(both, &[1, 0, 0, 0, 1, 16, 8, 0]), Some(&[8][..]));
        assert_eq!(content(both, &[1, 0, 0]), None);
        assert_eq!(content(head(DATA, HAS_PRIORITY), &[1]), Some(&[1][..]));
    }

    proptest! {
        #[test]
        fn a_head_that_was_written_is_read(
            length in 0..1_usize << 24, kind: u8, flags: u8, stream in 0..=LAST_STREAM,
        ) {
            let head = Head { length, kind, flags, stream };
            let mut bytes = BytesMut::new();
            head.write(&mut bytes);
            prop_assert_eq!(Head::read(&bytes), Some(head));
            prop_assert_eq!(Head::read(&bytes[1..]), None);
        }
    }
}
