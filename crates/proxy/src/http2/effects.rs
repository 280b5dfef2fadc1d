//! What rules do to one HTTP/2 message. A message that an effect cannot act on passes unharmed.

use std::time::Duration;

use bytes::Bytes;

use super::{
    core::Core,
    hpack::Field,
    lane::Block,
    streams::{Manner, Next, Piece, Stream},
};
use crate::{
    counters::Pace,
    delay::BootTime,
    grpc::{self, Messages},
    http1::is_of_the_body,
    layers::Held,
    rules::{Effect, Side},
};

/// A slow body goes in pieces of so many parts of a second.
const PIECES_A_SECOND: u64 = 50;

impl Core<'_> {
    /// Does what rules ask to a message whose head is next.
    pub(super) fn begin(&mut self, side: Side, id: u32, stream: &mut Stream, now: BootTime) {
        let half = stream.half(side);
        let acts = std::mem::take(&mut half.acts);
        let Some(Piece::Block(block)) = half.queue.front_mut() else { return };
        for held in acts.edits.iter().filter(|held| held.stands(now)) {
            let changed = match held.effect() {
                Effect::Edit(edit) => block.edit(edit),
                Effect::Deadline { at_most } => shorten(block, *at_most),
                _ => false,
            };
            if changed {
                held.counters().acted();
            }
        }
        let Some(held) = acts.main.filter(|held| held.stands(now)) else { return };
        match held.effect() {
            Effect::Reset => {
                held.counters().acted();
                self.break_stream(id, stream);
            }
            Effect::Answer(answer) => {
                let mut fields = vec![Field::new(":status", answer.status.to_string())];
                fields.extend(
                    answer
                        .headers
                        .iter()
                        .map(|(name, value)| Field::new(name.to_ascii_lowercase(), value.clone())),
                );
                let length = answer.body.len().to_string();
                fields.push(Field::new("content-length", length));
                let body = if stream.head_only { Bytes::new() } else { answer.body.clone() };
                self.answer(side, id, stream, &fields, body, &held);
            }
            Effect::Status(status) => {
                let fields = grpc::trailers_only(status);
                let fields: Vec<_> =
                    fields.into_iter().map(|(name, value)| Field::new(name, value)).collect();
                self.answer(side, id, stream, &fields, Bytes::new(), &held);
            }
            _ => self.begin_body(side, stream, held, now),
        }
        // An answer waits on the other half.
        if side == Side::Request && !stream.half(Side::Response).queue.is_empty() {
            self.run(Side::Response, id, stream, now);
        }
    }

    /// Prepares what happens to a body.
    fn begin_body(&mut self, side: Side, stream: &mut Stream, held: Held, now: BootTime) {
        let half = stream.half(side);
        let Some(Piece::Block(block)) = half.queue.front_mut() else { return };
        if block.end {
            let lost = |name: &[u8]| grpc::STATUS_FIELDS.iter().any(|one| one.as_bytes() == name);
            if matches!(held.effect(), Effect::LoseTrailers) && block.remove(lost) {
                held.counters().acted();
            }
            return;
        }
        half.manner = match held.effect() {
            Effect::Slow { bytes_per_second } => {
                let (rate, pace) = (*bytes_per_second, Pace::from(now));
                Manner::Slow { held, rate, pace, waits: false, waited: false }
            }
            Effect::Truncate { after } => Manner::Truncate { left: *after, held },
            Effect::Cut { messages } => Manner::Messages { pass: Messages::pass(*messages), held },
            Effect::LoseTrailers => Manner::NoTrailers { held },
            Effect::Replace { body, content_type } => {
                announce(block, body, content_type.as_deref());
                block.end = body.is_empty();
                let (body, head) = (body.clone(), half.pop());
                held.counters().acted();
                self.stop_hearing(side, stream);
                let half = stream.half(side);
                half.queue.extend(head);
                if !body.is_empty() {
                    half.push(Piece::Own { bytes: body, end: true });
                }
                return;
            }
            _ => return,
        };
    }

    /// Answers in the service's place.
    fn answer(
        &mut self,
        side: Side,
        id: u32,
        stream: &mut Stream,
        fields: &[Field],
        body: Bytes,
        held: &Held,
    ) {
        held.counters().acted();
        self.stop_hearing(side, stream);
        self.lane(Side::Response).send_fields(id, fields, body.is_empty());
        let down = stream.half(Side::Response);
        (down.begun, down.headed) = (true, true);
        if !body.is_empty() {
            return down.push(Piece::Own { bytes: body, end: true });
        }
        down.ended = true;
        self.answered(id, stream);
    }

    /// Sends bytes of a body as far as windows allow, in the manner that a rule asked for.
    pub(super) fn send_body(
        &mut self,
        side: Side,
        id: u32,
        stream: &mut Stream,
        mut bytes: Bytes,
        end: bool,
        now: BootTime,
    ) -> Next {
        let room = usize::try_from(self.lane(side).room().max(0)).unwrap_or(usize::MAX);
        let offered = room.min(bytes.len());
        if offered < bytes.len() && offered == 0 {
            return Next::Blocked(Piece::Data { bytes, end });
        }
        let half = stream.half(side);
        let (passes, cuts) = match half.manner.passes(&bytes[..offered], now) {
            Pass::Bytes(count) => (count, false),
            Pass::Last(count) => (count, true),
            Pass::Later(wakes) => return Next::Later(Piece::Data { bytes, end }, wakes),
        };
        let part = bytes.split_to(passes);
        let last = end && bytes.is_empty() && !cuts;
        half.window -= part.len() as i64;
        half.ended |= last;
        if !part.is_empty() || last {
            let number = Self::number_for(side, id, stream.service);
            self.lane(side).send_data(number, &part, last);
        }
        if cuts {
            self.refund(side, bytes.len());
            self.cut(side, id, stream);
            return Next::Went;
        }
        if bytes.is_empty() { Next::Went } else { Next::Again(Piece::Data { bytes, end }) }
    }

    /// Breaks a stream whose last message that may pass has passed.
    pub(super) fn cut_when_over(&mut self, side: Side, id: u32, stream: &mut Stream) {
        if matches!(&stream.half(side).manner, Manner::Messages { pass, .. } if pass.over()) {
            self.cut(side, id, stream);
        }
    }

    fn cut(&mut self, side: Side, id: u32, stream: &mut Stream) {
        let manner = std::mem::take(&mut stream.half(side).manner);
        if let Manner::Truncate { held, .. } | Manner::Messages { held, .. } = manner {
            held.counters().acted();
        }
        self.break_stream(id, stream);
    }
}

/// How much of a body passes.
enum Pass {
    Bytes(usize),
    /// So much, and nothing after it.
    Last(usize),
    /// Nothing before a moment.
    Later(BootTime),
}

impl Manner {
    /// Returns how much of the bytes at hand passes now, and counts it as passed.
    fn passes(&mut self, bytes: &[u8], now: BootTime) -> Pass {
        match self {
            Manner::Free | Manner::NoTrailers { .. } => Pass::Bytes(bytes.len()),
            Manner::Slow { held, .. } if !held.stands(now) => {
                *self = Manner::Free;
                Pass::Bytes(bytes.len())
            }
            Manner::Slow { .. } if bytes.is_empty() => Pass::Bytes(0),
            Manner::Slow { held, rate, pace, waits, waited } => {
                if now < pace.due {
                    *waits = true;
                    return Pass::Later(pace.due.min(held.rules().expires()));
                }
                if *waits {
                    pace.note(held.counters(), now);
                    if !std::mem::replace(waited, true) {
                        held.counters().acted();
                    }
                }
                let piece = usize::try_from(*rate / PIECES_A_SECOND).unwrap_or(usize::MAX);
                let count = bytes.len().min(piece.max(1));
                let takes = Duration::from_secs_f64(count as f64 / *rate as f64);
                pace.next(std::mem::take(waits), now, takes);
                Pass::Bytes(count)
            }
            Manner::Truncate { left, .. } => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                if count < bytes.len() { Pass::Last(count) } else { Pass::Bytes(count) }
            }
            Manner::Messages { pass, .. } => {
                let count = pass.take(bytes);
                if pass.over() { Pass::Last(count) } else { Pass::Bytes(count) }
            }
        }
    }
}

/// Shortens the deadline of a call; tells whether it is another now.
fn shorten(block: &mut Block, at_most: Duration) -> bool {
    let carried = block.get("grpc-timeout").and_then(|value| grpc::timeout(value));
    if carried.is_some_and(|carried| carried <= at_most) {
        return false;
    }
    block.remove(|name| name == b"grpc-timeout");
    block.add("grpc-timeout", &grpc::timeout_text(at_most));
    true
}

/// Makes a head announce another body.
fn announce(block: &mut Block, body: &Bytes, content_type: Option<&str>) {
    block.remove(|name| {
        let name = std::str::from_utf8(name).unwrap_or_default();
        is_of_the_body(name) || (content_type.is_some() && name == "content-type")
    });
    if let Some(content_type) = content_type {
        block.add("content-type", content_type);
    }
    block.add("content-length", &body.len().to_string());
}
