//! What waits on a stream, and when it goes on.

use bytes::Bytes;

use super::{
    core::{Core, other},
    frame,
    streams::{Half, Manner, Next, Piece, Stream},
};
use crate::{delay::BootTime, rules::Side};

/// A service whose response goes nowhere may send so much of it before it is told to stop: less
/// than any stream's window, which is not renewed.
const UNHEARD: usize = 32 * 1024;

impl Core<'_> {
    /// Sends a piece on its way.
    pub(super) fn push(&mut self, side: Side, id: u32, mut piece: Piece, now: BootTime) {
        let Some(mut stream) = self.streams.take_open(id) else {
            return self.lose(side, piece);
        };
        let half = stream.half(side);
        half.sent |= piece.ends();
        if half.unheard.is_some() {
            self.unheard(side, id, &mut stream, piece);
            return self.streams.put(id, stream);
        }
        if let Piece::Block(block) = &mut piece
            && stream.hurt
        {
            block.keep();
        }
        self.held[side as usize] += piece.bytes();
        let half = stream.half(side);
        half.push(piece);
        if half.head_is_next() && !half.acts.delays.is_empty() {
            half.holding.get_or_insert((0, now));
        }
        self.run(side, id, &mut stream, now);
        let half = stream.half(side);
        if half.queued > 0 {
            // What waits is given in advance where others would be kept waiting by it.
            keep_last(half);
            let waiting = self.held[side as usize];
            let given = self.lane(side).advance(waiting);
            if given > 0 {
                frame::window_update(0, given, self.lane(other(side)).frames());
            }
        }
        self.streams.put(id, stream);
    }

    /// Lets go of everything that is due.
    pub(super) fn advance(&mut self, now: BootTime) {
        while let Some(&(moment, id, side)) = self.due.first()
            && moment <= now
        {
            self.due.pop_first();
            let side = if side == 0 { Side::Request } else { Side::Response };
            if let Some(mut stream) = self.streams.take_open(id) {
                stream.half(side).wakes = None;
                self.run(side, id, &mut stream, now);
                self.streams.put(id, stream);
            }
        }
    }

    /// Looks again at everything that waits for a moment: rules have changed.
    pub(super) fn reconsider(&mut self, now: BootTime) {
        let waiting: Vec<_> = std::mem::take(&mut self.due).into_iter().collect();
        self.due.extend(waiting.into_iter().map(|(_, id, side)| (now, id, side)));
        self.advance(now);
    }

    /// Looks again at everything that waits for a larger window.
    pub(super) fn unblock(&mut self, now: BootTime) {
        for (side, id) in std::mem::take(&mut self.blocked) {
            if let Some(mut stream) = self.streams.take_open(id) {
                self.run(side, id, &mut stream, now);
                self.streams.put(id, stream);
            }
        }
    }

    /// Sends on what may go on of one direction of a stream.
    pub(super) fn run(&mut self, side: Side, id: u32, stream: &mut Stream, now: BootTime) {
        while !stream.over {
            let half = stream.half(side);
            if let Some(wakes) = hold(half, now) {
                self.wake(side, id, half, wakes);
                break;
            }
            if half.head_is_next() {
                half.begun = true;
                self.begin(side, id, stream, now);
                continue;
            }
            let Some(piece) = half.pop() else { break };
            self.held[side as usize] -= piece.bytes();
            match self.send(side, id, stream, piece, now) {
                Next::Went => {}
                Next::Again(piece) => self.put_back(side, stream, piece),
                Next::Later(piece, wakes) => {
                    self.put_back(side, stream, piece);
                    self.wake(side, id, stream.half(side), wakes);
                    break;
                }
                Next::Blocked(piece) => {
                    self.put_back(side, stream, piece);
                    self.blocked.push_back((side, id));
                    break;
                }
            }
        }
    }

    fn put_back(&mut self, side: Side, stream: &mut Stream, piece: Piece) {
        self.held[side as usize] += piece.bytes();
        stream.half(side).put_back(piece);
    }

    fn wake(&mut self, side: Side, id: u32, half: &mut Half, wakes: BootTime) {
        if let Some(before) = half.wakes.replace(wakes) {
            self.due.remove(&(before, id, side as u8));
        }
        self.due.insert((wakes, id, side as u8));
    }

    /// Sends a piece.
    fn send(
        &mut self,
        side: Side,
        id: u32,
        stream: &mut Stream,
        piece: Piece,
        now: BootTime,
    ) -> Next {
        match piece {
            Piece::Block(block) => {
                if side == Side::Request && stream.service == 0 {
                    let Some(service) = self.streams.number(id) else {
                        self.refuse(id, stream);
                        return Next::Went;
                    };
                    stream.service = service;
                }
                let number = Self::number_for(side, id, stream.service);
                let half = stream.half(side);
                if half.headed
                    && let Manner::NoTrailers { held } = &half.manner
                {
                    held.counters().acted();
                    self.lane(side).forget(&block);
                    self.lane(side).send_data(number, &[], true);
                    stream.half(side).ended = true;
                    return Next::Went;
                }
                self.lane(side).send(number, &block);
                let half = stream.half(side);
                half.headed |= half.begun;
                half.ended |= block.end;
                self.cut_when_over(side, id, stream);
                Next::Went
            }
            Piece::Data { bytes, end } => self.send_body(side, id, stream, bytes, end, now),
            Piece::Own { bytes, end } => self.send_own(side, id, stream, bytes, end),
            Piece::Window(more) => {
                let number = Self::number_for(side, id, stream.service);
                frame::window_update(number, more, self.lane(side).frames());
                Next::Went
            }
            Piece::Reset(code) => {
                let number = Self::number_for(side, id, stream.service);
                frame::reset(number, code, self.lane(side).frames());
                self.close(stream);
                Next::Went
            }
        }
    }

    /// Sends a body of the proxy's own as far as both windows allow.
    fn send_own(
        &mut self,
        side: Side,
        id: u32,
        stream: &mut Stream,
        mut bytes: Bytes,
        end: bool,
    ) -> Next {
        let room = self.lane(side).own_room().min(stream.half(side).window).max(0);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let part = bytes.split_to(room.min(bytes.len()));
        let number = Self::number_for(side, id, stream.service);
        stream.half(side).window -= part.len() as i64;
        if !bytes.is_empty() {
            if !part.is_empty() {
                self.lane(side).send_own(number, &part, false);
            }
            return Next::Blocked(Piece::Own { bytes, end });
        }
        self.lane(side).send_own(number, &part, end);
        stream.half(side).ended |= end;
        self.answered(id, stream);
        Next::Went
    }

    /// Ends a stream that the service has nothing to do with, once its answer is whole.
    pub(super) fn answered(&mut self, id: u32, stream: &mut Stream) {
        let alone = stream.service == 0 || stream.forsaken;
        if !alone || !stream.half(Side::Response).ended {
            return;
        }
        if !stream.half(Side::Request).sent {
            // The answer is complete, and the rest of the request of no use.
            frame::reset(id, frame::NO_ERROR, self.lane(Side::Response).frames());
        }
        self.close(stream);
    }

    /// Ends a stream at once, which the service may not have seen.
    fn refuse(&mut self, id: u32, stream: &mut Stream) {
        frame::reset(id, frame::REFUSED_STREAM, self.lane(Side::Response).frames());
        (stream.hurt, self.touched) = (true, true);
        self.close(stream);
    }

    /// Breaks a stream for both sides.
    pub(super) fn break_stream(&mut self, id: u32, stream: &mut Stream) {
        frame::reset(id, frame::INTERNAL_ERROR, self.lane(Side::Response).frames());
        if stream.service > 0 {
            frame::reset(stream.service, frame::CANCEL, self.lane(Side::Request).frames());
        }
        self.close(stream);
    }

    /// Drops everything that waits on a stream; what still comes goes nowhere.
    pub(super) fn close(&mut self, stream: &mut Stream) {
        self.drop_queue(Side::Request, stream);
        self.drop_queue(Side::Response, stream);
        stream.over = true;
    }

    /// Drops what waits in one direction.
    pub(super) fn drop_queue(&mut self, side: Side, stream: &mut Stream) {
        let half = stream.half(side);
        half.holding = None;
        let queue = std::mem::take(&mut half.queue);
        self.held[side as usize] -= std::mem::take(&mut half.queued);
        queue.into_iter().for_each(|piece| self.lose(side, piece));
    }

    /// Drops a piece.
    fn lose(&mut self, side: Side, piece: Piece) {
        match piece {
            Piece::Block(block) => self.lane(side).forget(&block),
            Piece::Data { bytes, .. } => self.refund(side, bytes.len()),
            Piece::Own { .. } | Piece::Window(_) | Piece::Reset(_) => {}
        }
    }

    /// Takes a piece of a message that goes nowhere, whose sender does not know.
    fn unheard(&mut self, side: Side, id: u32, stream: &mut Stream, piece: Piece) {
        if let Piece::Data { bytes, .. } = &piece {
            let count = bytes.len();
            let left = stream.half(side).unheard.unwrap_or(0);
            if side == Side::Request {
                // A client that is not told to stop must come to the end of its request.
                self.refund_stream(side, id, stream.service, count);
            } else if count > left {
                frame::reset(stream.service, frame::CANCEL, self.lane(Side::Request).frames());
                stream.half(side).sent = true;
                self.forsake(stream);
                self.answered(id, stream);
            }
            stream.half(side).unheard = Some(left.saturating_sub(count));
        }
        self.lose(side, piece);
    }

    /// Lets what the sender still sends go nowhere.
    pub(super) fn stop_hearing(&mut self, side: Side, stream: &mut Stream) {
        self.drop_queue(side, stream);
        stream.half(side).unheard = Some(UNHEARD);
    }

    /// One side has reset a stream.
    pub(super) fn reset_by(&mut self, side: Side, id: u32, frame: &[u8], code: u32, now: BootTime) {
        let Some(mut stream) = self.streams.take_open(id) else { return };
        let half = stream.half(side);
        if half.unheard.is_some() && side == Side::Response {
            // The client has another answer than this.
            half.sent = true;
            self.forsake(&mut stream);
            self.answered(id, &mut stream);
        } else if side == Side::Request || half.is_free() {
            let number = Self::number_for(side, id, stream.service);
            if number > 0 {
                self.lane(side).pass_frame(number, frame);
            }
            self.close(&mut stream);
        } else {
            self.forsake(&mut stream);
            stream.half(side).push(Piece::Reset(code));
            self.run(side, id, &mut stream, now);
        }
        self.streams.put(id, stream);
    }

    /// The service does not want the rest of a request.
    fn forsake(&mut self, stream: &mut Stream) {
        self.drop_queue(Side::Request, stream);
        stream.forsaken = true;
        let up = stream.half(Side::Request);
        up.ended = true;
        up.unheard = Some(0);
    }

    /// One side takes more on a stream.
    pub(super) fn widen(&mut self, side: Side, id: u32, frame: &[u8], more: u32, now: BootTime) {
        let Some(mut stream) = self.streams.take_open(id) else { return };
        let widened = stream.half(other(side));
        widened.window += i64::from(more);
        if widened.unheard.is_none() {
            if side == Side::Request && stream.service == 0 {
                stream.half(side).push(Piece::Window(more));
            } else {
                let number = Self::number_for(side, id, stream.service);
                self.lane(side).pass_frame(number, frame);
            }
        }
        if !stream.half(other(side)).queue.is_empty() {
            self.run(other(side), id, &mut stream, now);
        }
        self.streams.put(id, stream);
    }
}

/// Goes through the delays of a half; returns when it is to be looked at again while it is held.
fn hold(half: &mut Half, now: BootTime) -> Option<BootTime> {
    while let Some((at, since)) = half.holding {
        let Some(held) = half.acts.delays.get(at) else {
            half.holding = None;
            break;
        };
        let deadline = since.after(held.asked());
        if now >= deadline {
            held.counters().held(held.asked(), now.since(since));
        } else if held.stands(now) {
            return Some(deadline.min(held.rules().expires()));
        } else {
            held.counters().let_go();
        }
        half.holding = Some((at + 1, now));
    }
    None
}

/// Frees what the last piece shares with others, before it waits.
fn keep_last(half: &mut Half) {
    if let Some(Piece::Data { bytes, .. }) = half.queue.back_mut() {
        *bytes = Bytes::copy_from_slice(bytes);
    }
}
