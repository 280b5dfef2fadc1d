//! The streams of a connection: what waits on each, and the numbers they have on both sides.
//!
//! A stream has the number that its client gave it on both sides, until one is overtaken: streams
//! must be opened in the order of their numbers, so one that was held goes on under a later one,
//! and those behind it shift.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::{frame, lane::Block};
use crate::{
    counters::Pace,
    delay::BootTime,
    grpc::Messages,
    layers::{Acts, Held},
    rules::Side,
};

/// The most streams followed at once. More than services allow; those beyond it pass unread.
pub(super) const MAX_STREAMS: usize = 4_096;
/// So many streams that are over are remembered, for frames that were under way.
const MAX_OVER: usize = 2_048;
/// The window of a stream before the receiver says otherwise.
const WINDOW: u32 = 65_535;

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Its number at the service; zero before it was opened there.
    pub(super) service: u32,
    halves: [Half; 2],
    /// Whether rules had a hand in it: frames that come late are then the proxy's own affair.
    pub(super) hurt: bool,
    /// Whether what still comes goes nowhere.
    pub(super) over: bool,
    /// Whether the request was for the head alone.
    pub(super) head_only: bool,
    /// Whether the service has nothing to do with it any more, while its client gets an answer.
    pub(super) forsaken: bool,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) acts: Acts,
    /// The delay under way: which of them, and since when.
    pub(super) holding: Option<(usize, BootTime)>,
    /// Whether the head has gone through its effects.
    pub(super) begun: bool,
    /// Whether the head went on: what follows in a block are trailers.
    pub(super) headed: bool,
    /// What the sender still sends goes nowhere: so many bytes more, and it is told to stop.
    pub(super) unheard: Option<usize>,
    /// Whether the sender has ended it.
    pub(super) sent: bool,
    pub(super) queue: VecDeque<Piece>,
    /// Bytes of bodies in the queue.
    pub(super) queued: usize,
    pub(super) manner: Manner,
    /// What the receiver takes on this stream.
    pub(super) window: i64,
    /// Whether its end went to the receiver.
    pub(super) ended: bool,
    /// When it is looked at again.
    pub(super) wakes: Option<BootTime>,
}

/// Whether a piece went on.
#[derive(Debug)]
pub(super) enum Next {
    Went,
    /// A part of it went.
    Again(Piece),
    /// It waits for a moment.
    Later(Piece, BootTime),
    /// It waits for a larger window.
    Blocked(Piece),
}

/// Something on its way.
#[derive(Debug)]
pub(super) enum Piece {
    Block(Block),
    Data {
        bytes: Bytes,
        end: bool,
    },
    /// A body of the proxy's own.
    Own {
        bytes: Bytes,
        end: bool,
    },
    Window(u32),
    Reset(u32),
}

/// What becomes of a body.
#[derive(Debug, Default)]
pub(super) enum Manner {
    #[default]
    Free,
    /// Whether the next piece is waited for, and whether any was.
    Slow {
        held: Held,
        rate: u64,
        pace: Pace,
        waits: bool,
        waited: bool,
    },
    Truncate {
        held: Held,
        left: u64,
    },
    Messages {
        held: Held,
        pass: Messages,
    },
    NoTrailers {
        held: Held,
    },
}

impl Half {
    /// Tells whether frames go on as they come.
    pub(super) fn is_free(&self) -> bool {
        let waits = !self.queue.is_empty() || self.holding.is_some();
        !waits && self.unheard.is_none() && matches!(self.manner, Manner::Free)
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.queued += piece.bytes();
        self.queue.push_back(piece);
    }

    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.queue.pop_front()?;
        self.queued -= piece.bytes();
        Some(piece)
    }

    /// Tells whether the head is next.
    pub(super) fn head_is_next(&self) -> bool {
        let Some(Piece::Block(block)) = self.queue.front() else { return false };
        !self.begun && !block.is_interim()
    }

    pub(super) fn put_back(&mut self, piece: Piece) {
        self.queued += piece.bytes();
        self.queue.push_front(piece);
    }
}

impl Piece {
    /// Tells whether it ends its direction.
    pub(super) fn ends(&self) -> bool {
        match self {
            Piece::Block(block) => block.end,
            Piece::Data { end, .. } | Piece::Own { end, .. } => *end,
            Piece::Window(_) => false,
            Piece::Reset(_) => true,
        }
    }

    /// Bytes of a sender's body in it.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Piece::Data { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }
}

impl Stream {
    pub(super) fn half(&mut self, side: Side) -> &mut Half {
        &mut self.halves[side as usize]
    }

    pub(super) fn is_done(&self) -> bool {
        let done = |half: &Half| {
            half.ended && half.queue.is_empty() && (half.unheard.is_none() || half.sent)
        };
        self.halves.iter().all(done)
    }

    pub(super) fn waits(&self, side: Side) -> bool {
        let half = &self.halves[side as usize];
        !half.queue.is_empty() || half.holding.is_some()
    }
}

/// All streams of a connection.
#[derive(Debug)]
pub(super) struct Streams {
    live: HashMap<u32, Stream>,
    /// Client numbers by those at the service, where they may differ.
    shifted: HashMap<u32, u32>,
    /// The first number at the service that is another than the client's.
    shifts_from: Option<u32>,
    over: VecDeque<u32>,
    /// The last stream that the client opened.
    pub(super) last: u32,
    /// The last stream opened at the service.
    last_opened: u32,
    /// What each receiver gives a new stream.
    windows: [u32; 2],
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            live: HashMap::new(),
            shifted: HashMap::new(),
            shifts_from: None,
            over: VecDeque::new(),
            last: 0,
            last_opened: 0,
            windows: [WINDOW; 2],
        }
    }
}

impl Streams {
    /// Tells whether a frame of the client opens a stream.
    pub(super) fn opens(&self, stream: u32) -> bool {
        stream % 2 == 1 && stream > self.last
    }

    /// Makes the next stream of the client.
    pub(super) fn open(&mut self, id: u32) -> Stream {
        self.last = id;
        let mut stream = Stream::default();
        for side in [Side::Request, Side::Response] {
            stream.half(side).window = i64::from(self.windows[side as usize]);
        }
        stream
    }

    /// Puts a stream back; one that is done is forgotten, or remembered for late frames.
    pub(super) fn put(&mut self, id: u32, mut stream: Stream) {
        if !stream.over && !stream.is_done() {
            self.live.insert(id, stream);
            return;
        }
        if !stream.hurt && !self.is_shifted() {
            return;
        }
        if self.over.len() == MAX_OVER
            && let Some(oldest) = self.over.pop_front()
            && let Some(forgotten) = self.live.remove(&oldest)
        {
            self.shifted.remove(&forgotten.service);
        }
        self.over.push_back(id);
        // Only the numbers of it are kept.
        stream = Stream { service: stream.service, over: true, ..Stream::default() };
        self.live.insert(id, stream);
    }

    /// Takes a stream out to work on it, unless it is over.
    pub(super) fn take_open(&mut self, id: u32) -> Option<Stream> {
        let open = self.live.get(&id).is_some_and(|stream| !stream.over);
        if open { self.live.remove(&id) } else { None }
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Stream> {
        self.live.get_mut(&id)
    }

    /// How many are not over.
    pub(super) fn open_now(&self) -> usize {
        self.live.values().filter(|stream| !stream.over).count()
    }

    pub(super) fn is_full(&self) -> bool {
        self.live.len() >= MAX_STREAMS + MAX_OVER
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.live.iter().filter(|(_, stream)| !stream.over).map(|(id, _)| *id).collect()
    }

    pub(super) fn any_waits(&self, side: Side) -> bool {
        self.live.values().any(|stream| stream.waits(side))
    }

    /// Tells whether numbers differ on the two sides.
    pub(super) fn is_shifted(&self) -> bool {
        self.shifts_from.is_some()
    }

    /// Gives a stream its number at the service; `None` when there are no more.
    pub(super) fn number(&mut self, id: u32) -> Option<u32> {
        let service = if id > self.last_opened { id } else { self.last_opened + 2 };
        if service > frame::LAST_STREAM {
            return None;
        }
        self.last_opened = service;
        if service != id {
            self.shifts_from.get_or_insert(service);
        }
        if self.is_shifted() {
            self.shifted.insert(service, id);
        }
        Some(service)
    }

    /// Notes a stream that goes on unread.
    pub(super) fn opened_unread(&mut self, id: u32) {
        self.last_opened = self.last_opened.max(id);
    }

    /// Returns the client's number of a stream of the service; `None` when nobody knows.
    pub(super) fn client(&self, service: u32) -> Option<u32> {
        match self.shifts_from {
            Some(first) if service % 2 == 1 && service >= first => {
                self.shifted.get(&service).copied()
            }
            _ => Some(service),
        }
    }

    /// Notes what a receiver gives each stream; those that are open get the difference.
    pub(super) fn set_window(&mut self, side: Side, window: u32) {
        let before = std::mem::replace(&mut self.windows[side as usize], window);
        let more = i64::from(window) - i64::from(before);
        self.live.values_mut().for_each(|stream| stream.half(side).window += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_keep_their_numbers_until_one_is_overtaken() {
        let mut streams = Streams::default();
        assert_eq!(streams.number(1), Some(1));
        assert_eq!(streams.number(5), Some(5));
        assert!(!streams.is_shifted());
        assert_eq!(streams.number(3), Some(7));
        assert_eq!(streams.number(7), Some(9));
        assert_eq!(streams.number(21), Some(21), "gaps bring the numbers together again");
        let seen = [1, 5, 7, 9, 21, 2, 11].map(|service| streams.client(service));
        assert_eq!(seen, [Some(1), Some(5), Some(3), Some(7), Some(21), Some(2), None]);
    }

    #[test]
    fn streams_that_are_over_are_remembered_for_a_while() {
        let mut streams = Streams::default();
        for n in 0..3 * MAX_OVER as u32 {
            let id = 2 * n + 1;
            assert!(streams.opens(id) && !streams.opens(id + 1));
            let mut stream = streams.open(id);
            (stream.hurt, stream.over) = (true, true);
            streams.put(id, stream);
        }
        assert_eq!((streams.live.len(), streams.open_now()), (MAX_OVER, 0));
        assert!(streams.get(1).is_none());
        let mut unhurt = streams.open(1_000_001);
        unhurt.over = true;
        streams.put(1_000_001, unhurt);
        assert!(streams.get(1_000_001).is_none());
    }

    #[test]
    fn a_new_window_reaches_open_streams() {
        let mut streams = Streams::default();
        let stream = streams.open(1);
        streams.put(1, stream);
        streams.set_window(Side::Response, 100);
        let window = |streams: &mut Streams, id, side| streams.get(id).map(|s| s.half(side).window);
        assert_eq!(window(&mut streams, 1, Side::Response), Some(100));
        assert_eq!(window(&mut streams, 1, Side::Request), Some(65_535));
        assert_eq!(streams.open(3).half(Side::Response).window, 100);
    }
}
