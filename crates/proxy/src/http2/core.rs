//! A connection between its two sockets: frames in, frames out, no clock and no socket.
//!
//! Frames of streams that no rule is for go on as they came, in their order. A stream that rules
//! act on has its frames kept back, changed or dropped by `flow.rs`.

use std::collections::{BTreeSet, VecDeque};

use bytes::BytesMut;

use super::{
    control::Leaving,
    frame,
    intake::{At, Input},
    lane::{Block, Lane},
    streams::{Piece, Stream, Streams},
};
use crate::{
    delay::BootTime,
    place::Place,
    plane::Plane,
    rules::{self, Side},
};

/// The connection cannot be followed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

pub(super) struct Core<'a> {
    pub(super) plane: &'a Plane,
    place: Place,
    lanes: [Lane; 2],
    pub(super) inputs: [Input; 2],
    pub(super) streams: Streams,
    /// When which half is looked at again.
    pub(super) due: BTreeSet<(BootTime, u32, u8)>,
    /// Halves that wait for a larger window.
    pub(super) blocked: VecDeque<(Side, u32)>,
    /// Whether the service has said anything yet.
    pub(super) heard: bool,
    /// Whether it is plain bytes, because it could not be followed.
    pub(super) plain: bool,
    /// Whether rules had a hand in this connection: from then on it cannot become plain bytes.
    pub(super) touched: bool,
    /// Bytes of bodies that wait, in each direction.
    pub(super) held: [usize; 2],
    pub(super) leaving: Leaving,
}

impl<'a> Core<'a> {
    pub(super) fn new(plane: &'a Plane, place: Place) -> Core<'a> {
        let input = |at| Input { at, block: None };
        Core {
            plane,
            place,
            lanes: [Lane::default(), Lane::opened_by_sender()],
            inputs: [input(At::Preface), input(At::Head)],
            streams: Streams::default(),
            due: BTreeSet::new(),
            blocked: VecDeque::new(),
            heard: false,
            plain: false,
            touched: false,
            held: [0; 2],
            leaving: Leaving::No,
        }
    }

    pub(super) fn lane(&mut self, side: Side) -> &mut Lane {
        &mut self.lanes[side as usize]
    }

    /// Passes a promise of the service on; one that would have to be written anew is beyond this.
    pub(super) fn promise(&mut self, side: Side, stream: u32, block: &Block) -> Result<(), Lost> {
        let client = self.streams.client(stream).ok_or(Lost)?;
        if !self.lane(side).in_step(block) {
            return Err(Lost);
        }
        self.lane(side).send(client, block);
        Ok(())
    }

    pub(super) fn request_block(&mut self, id: u32, block: Block, now: BootTime) {
        if !self.streams.opens(id) {
            if self.streams.get(id).is_some() {
                self.push(Side::Request, id, Piece::Block(block), now);
            } else if self.streams.is_shifted() {
                self.lane(Side::Request).forget(&block);
            } else {
                self.lane(Side::Request).send(id, &block);
            }
            return;
        }
        let told = matches!(self.leaving, Leaving::Told(last) if id > last);
        if told || (self.streams.is_full() && self.touched) {
            // A stream that never reached the service may be tried again elsewhere.
            self.streams.last = id;
            self.lane(Side::Request).forget(&block);
            if !told {
                frame::reset(id, frame::REFUSED_STREAM, self.lane(Side::Response).frames());
            }
            let mut stream = self.streams.open(id);
            (stream.hurt, stream.over) = (true, true);
            return self.streams.put(id, stream);
        }
        if self.streams.is_full() {
            self.streams.last = id;
            self.streams.opened_unread(id);
            return self.lane(Side::Request).send(id, &block);
        }
        let mut stream = self.streams.open(id);
        self.decide(&block, &mut stream, now);
        self.streams.put(id, stream);
        self.push(Side::Request, id, Piece::Block(block), now);
    }

    /// Asks the rules about a request.
    fn decide(&mut self, block: &Block, stream: &mut Stream, now: BootTime) {
        let text = |name| block.get(name).and_then(|value| std::str::from_utf8(value).ok());
        let (Some(method), Some(path)) = (text(":method"), text(":path")) else {
            return;
        };
        stream.head_only = method == "HEAD";
        let headers = |visit: &mut dyn FnMut(&str, &[u8])| {
            for field in block.fields() {
                match std::str::from_utf8(&field.name) {
                    Ok(":authority") => visit("host", &field.value),
                    Ok(name) => visit(name, &field.value),
                    Err(_) => {}
                }
            }
        };
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let request = rules::Request { method, path, headers: &headers };
        let decided = self.plane.layers.decide(&self.place, &request, now);
        stream.hurt = !decided.request.is_empty() || !decided.response.is_empty();
        self.touched |= stream.hurt;
        stream.half(Side::Request).acts = decided.request;
        stream.half(Side::Response).acts = decided.response;
    }

    pub(super) fn response_block(&mut self, service: u32, block: Block, now: BootTime) {
        let id = self.streams.client(service);
        match id.filter(|id| self.streams.get(*id).is_some()) {
            Some(id) => self.push(Side::Response, id, Piece::Block(block), now),
            None if self.streams.is_shifted() && service % 2 == 1 => {
                self.lane(Side::Response).forget(&block);
            }
            None => self.lane(Side::Response).send(service, &block),
        }
    }

    /// Returns the client's number of the stream a frame is for, if that stream is followed.
    pub(super) fn followed(&mut self, side: Side, stream: u32) -> Option<u32> {
        let id = match side {
            Side::Request => stream,
            Side::Response => self.streams.client(stream)?,
        };
        self.streams.get(id).is_some().then_some(id)
    }

    /// Returns the number that the receiver of a direction has for a stream.
    pub(super) fn number_for(side: Side, id: u32, service: u32) -> u32 {
        match side {
            Side::Request => service,
            Side::Response => id,
        }
    }

    /// Tells both sides that the connection is over because it cannot be followed.
    pub(super) fn break_off(&mut self) {
        for side in [Side::Request, Side::Response] {
            let last = if side == Side::Response { self.streams.last } else { 0 };
            frame::goaway(last, frame::PROTOCOL_ERROR, self.lane(side).frames());
        }
    }

    /// Gives the sender of a direction back what never reaches the receiver.
    pub(super) fn refund(&mut self, side: Side, count: usize) {
        let given = self.lane(side).refund(count);
        if given > 0 {
            frame::window_update(0, given, self.lane(other(side)).frames());
        }
    }

    /// Gives it back on a stream, too, which goes on.
    pub(super) fn refund_stream(&mut self, side: Side, id: u32, service: u32, count: usize) {
        let stream = Self::number_for(other(side), id, service);
        let out = self.lane(other(side)).frames();
        if stream > 0 && count > 0 {
            frame::window_update(stream, count as u32, out);
        }
    }

    pub(super) fn ended(&mut self, side: Side, id: u32) {
        if let Some(mut stream) = self.streams.take_open(id) {
            stream.half(side).ended = true;
            self.streams.put(id, stream);
        }
    }

    /// The next moment at which something is due.
    pub(super) fn next_due(&self) -> BootTime {
        self.due.first().map_or(BootTime::NEVER, |(moment, ..)| *moment)
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.lanes.iter().all(|lane| lane.out.is_empty())
    }

    /// How much of a direction its receiver has not got yet.
    pub(super) fn waiting(&self, side: Side) -> usize {
        self.lanes[side as usize].waiting()
    }

    /// What goes to the service, and to the client.
    pub(super) fn outs(&mut self) -> (&mut BytesMut, &mut BytesMut) {
        let [up, down] = &mut self.lanes;
        (&mut up.out, &mut down.out)
    }
}

/// The other direction.
pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Request => Side::Response,
        Side::Response => Side::Request,
    }
}
