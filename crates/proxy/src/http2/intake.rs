//! Takes frames apart as they come: bodies that no rule is for go on unread, everything else waits
//! until it is whole.

use bytes::{Buf, BytesMut};

use super::{
    core::{Core, Lost},
    frame::{self, Head},
    streams::Piece,
};
use crate::{delay::BootTime, rules::Side, sniff::PREFACE};

/// The longest header block with its frames that is read.
const MAX_BLOCK: usize = 1 << 20;
/// Longer frames go on in parts; shorter ones wait until they are whole.
const MAX_WHOLE: usize = 64 * 1024;
/// Where the reading of one direction is.
#[derive(Debug)]
pub(super) enum At {
    Preface,
    Head,
    /// In a frame that goes on unread: whose it is if it ends that side of a stream.
    Pass {
        ends: Option<u32>,
    },
    /// In a body that rules have to do with.
    Body {
        id: Option<u32>,
        left: usize,
        padding: usize,
        padded: bool,
        end: bool,
    },
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) at: At,
    /// Frames of a header block so far.
    pub(super) block: Option<BytesMut>,
}

impl Core<'_> {
    /// Takes what came from the sender of a direction, as far as it is whole.
    pub(super) fn take(
        &mut self,
        side: Side,
        bytes: &mut BytesMut,
        now: BootTime,
    ) -> Result<(), Lost> {
        while self.step(side, bytes, now)? {}
        Ok(())
    }

    /// Passes on what is at hand when no more comes, or when it cannot be read.
    pub(super) fn give_up(&mut self, side: Side, bytes: &mut BytesMut) {
        let begun = self.inputs[side as usize].block.take().unwrap_or_default();
        let out = &mut self.lane(side).out;
        out.extend_from_slice(&begun);
        out.extend_from_slice(&bytes.split());
    }

    /// Takes one thing; `false` when it is not whole yet.
    fn step(&mut self, side: Side, bytes: &mut BytesMut, now: BootTime) -> Result<bool, Lost> {
        let input = &mut self.inputs[side as usize];
        match &mut input.at {
            At::Preface => {
                if bytes.len() < PREFACE.len() {
                    return Ok(false);
                }
                self.lane(side).out.extend_from_slice(&bytes.split_to(PREFACE.len()));
                self.inputs[side as usize].at = At::Head;
                Ok(true)
            }
            At::Pass { ends } => {
                let ends = *ends;
                if bytes.is_empty() || !self.lane(side).pass(bytes) {
                    return Ok(false);
                }
                self.inputs[side as usize].at = At::Head;
                if let Some(id) = ends {
                    self.ended(side, id);
                }
                Ok(true)
            }
            At::Body { .. } => Ok(self.body(side, bytes, now)),
            At::Head => match Head::read(bytes) {
                Some(head) => {
                    let taken = self.frame(side, head, bytes, now)?;
                    if taken {
                        self.lane(side).opened();
                    }
                    Ok(taken)
                }
                None => Ok(false),
            },
        }
    }

    fn frame(
        &mut self,
        side: Side,
        head: Head,
        bytes: &mut BytesMut,
        now: BootTime,
    ) -> Result<bool, Lost> {
        self.heard |= side == Side::Response;
        let in_block = self.inputs[side as usize].block.is_some();
        let is_block =
            matches!(head.kind, frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION);
        if in_block != (head.kind == frame::CONTINUATION) || (is_block && head.length > MAX_BLOCK) {
            return Err(Lost);
        }
        if head.kind == frame::DATA {
            return Ok(self.data(side, head, bytes));
        }
        if !is_block && head.length > MAX_WHOLE {
            // Nothing that is known is so long.
            let raw = bytes.split_to(frame::HEAD);
            self.lane(side).pass_head(head.stream, &raw);
            self.inputs[side as usize].at = At::Pass { ends: None };
            return Ok(true);
        }
        let whole = frame::HEAD + head.length;
        if bytes.len() < whole {
            bytes.reserve(whole - bytes.len());
            return Ok(false);
        }
        let frame = bytes.split_to(whole);
        if is_block {
            self.block_frame(side, head, frame, now)?;
        } else {
            self.control(side, head, &frame, now);
        }
        Ok(true)
    }

    /// Collects the frames of a header block.
    fn block_frame(
        &mut self,
        side: Side,
        head: Head,
        frame: BytesMut,
        now: BootTime,
    ) -> Result<(), Lost> {
        let input = &mut self.inputs[side as usize];
        let block = match input.block.take() {
            None => frame,
            Some(mut block) => {
                let first = Head::read(&block).map(|first| first.stream);
                block.unsplit(frame);
                if first != Some(head.stream) || block.len() > MAX_BLOCK {
                    input.block = Some(block);
                    return Err(Lost);
                }
                block
            }
        };
        if !head.has(frame::END_HEADERS) {
            input.block = Some(block);
            return Ok(());
        }
        let raw = block.freeze();
        let Some(block) = self.lane(side).read(raw.clone()) else {
            self.inputs[side as usize].block = Some(BytesMut::from(&raw[..]));
            return Err(Lost);
        };
        if raw[3] == frame::PUSH_PROMISE {
            return self.promise(side, head.stream, &block);
        }
        match side {
            Side::Request => self.request_block(head.stream, block, now),
            Side::Response => self.response_block(head.stream, block, now),
        }
        Ok(())
    }

    /// Takes the head of a DATA frame.
    fn data(&mut self, side: Side, head: Head, bytes: &mut BytesMut) -> bool {
        let id = self.followed(side, head.stream);
        let managed = self.lane(side).is_managed();
        let mut number = head.stream;
        let free = match id {
            Some(id) => self.streams.get(id).is_some_and(|stream| {
                number = Self::number_for(side, id, stream.service);
                !stream.over && stream.service > 0 && !managed && stream.half(side).is_free()
            }),
            None => !(self.streams.is_shifted() && head.stream % 2 == 1),
        };
        if free && head.length <= MAX_WHOLE && bytes.len() < frame::HEAD + head.length {
            bytes.reserve(frame::HEAD + head.length - bytes.len());
            return false;
        }
        let raw = bytes.split_to(frame::HEAD);
        self.lane(side).charge(head.length);
        let end = head.has(frame::END_STREAM);
        self.inputs[side as usize].at = if free {
            if let Some(stream) = id.and_then(|id| self.streams.get(id)) {
                stream.half(side).window -= head.length as i64;
            }
            self.lane(side).pass_head(number, &raw);
            At::Pass { ends: id.filter(|_| end) }
        } else {
            let padded = head.has(frame::PADDED) && head.length > 0;
            At::Body { id, left: head.length, padding: 0, padded, end }
        };
        if free && head.length == 0 {
            self.lane(side).pass(bytes);
            self.inputs[side as usize].at = At::Head;
            if let Some(id) = id.filter(|_| end) {
                self.ended(side, id);
            }
        }
        true
    }

    /// Takes what is at hand of a body that rules have to do with; `false` when there is nothing.
    fn body(&mut self, side: Side, bytes: &mut BytesMut, now: BootTime) -> bool {
        let At::Body { id, left, padding, padded, end } = &mut self.inputs[side as usize].at else {
            return false;
        };
        if *left > 0 && bytes.is_empty() {
            return false;
        }
        let mut surround = 0;
        if *padded {
            *padding = usize::from(bytes[0]).min(*left - 1);
            (*left, *padded, surround) = (*left - 1, false, 1);
            bytes.advance(1);
        }
        let count = (*left - *padding).min(bytes.len());
        let content = bytes.split_to(count).freeze();
        *left -= count;
        if *left == *padding {
            let skipped = (*left).min(bytes.len());
            bytes.advance(skipped);
            (*left, *padding, surround) = (*left - skipped, *padding - skipped, surround + skipped);
        }
        let (id, over, end) = (*id, *left == 0, *end);
        if over {
            self.inputs[side as usize].at = At::Head;
        }
        if surround > 0 {
            self.refund(side, surround);
            if let Some((id, stream)) = id.and_then(|id| Some((id, self.streams.get(id)?))) {
                let (service, over) = (stream.service, stream.over);
                if !over {
                    self.refund_stream(side, id, service, surround);
                }
            }
        }
        let end = over && end;
        match id {
            Some(id) if count > 0 || end => {
                self.push(side, id, Piece::Data { bytes: content, end }, now);
            }
            Some(_) => {}
            None => self.refund(side, count),
        }
        true
    }
}
