//! Frames that carry neither headers nor a body, and the proxy's goodbye.

use super::{
    core::{Core, other},
    frame::{self, Head},
};
use crate::{delay::BootTime, rules::Side};

/// Told from the client's own by what it carries.
const FAREWELL: [u8; 8] = *b"squall\xe2\x86";

/// How far saying goodbye to the client has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Leaving {
    #[default]
    No,
    /// It was asked to open no more streams.
    Asked,
    /// It was told the last stream that is carried.
    Told(u32),
}

impl Core<'_> {
    /// Takes a frame that carries neither headers nor a body.
    pub(super) fn control(&mut self, side: Side, head: Head, frame: &[u8], now: BootTime) {
        let payload = &frame[frame::HEAD..];
        let number = frame::number(payload).filter(|_| payload.len() == 4);
        match (head.kind, number) {
            (frame::WINDOW_UPDATE, Some(more)) if head.stream == 0 => {
                match self.lane(other(side)).grant(more) {
                    0 => {}
                    all if all == more => self.lane(side).pass_frame(0, frame),
                    part => frame::window_update(0, part, self.lane(side).frames()),
                }
                return self.unblock(now);
            }
            (frame::RST_STREAM | frame::WINDOW_UPDATE, Some(number)) => {
                let Some(id) = self.followed(side, head.stream) else {
                    return self.unfollowed(side, head, frame);
                };
                return match head.kind {
                    frame::RST_STREAM => self.reset_by(side, id, frame, number, now),
                    _ => self.widen(side, id, frame, number, now),
                };
            }
            (frame::SETTINGS, _) if !head.has(frame::ACK) => {
                for (setting, value) in frame::settings(payload) {
                    if setting == frame::SETTING_INITIAL_WINDOW {
                        self.streams.set_window(other(side), value.min(frame::LAST_STREAM));
                    }
                }
                self.lane(side).pass_frame(head.stream, frame);
                return self.unblock(now);
            }
            (frame::PING, _)
                if head.has(frame::ACK)
                    && payload == FAREWELL
                    && self.leaving == Leaving::Asked =>
            {
                return self.told();
            }
            (frame::GOAWAY, _) if side == Side::Response && self.touched => {
                return self.service_leaves(payload, frame);
            }
            (frame::PRIORITY | frame::PRIORITY_UPDATE, _) if self.streams.is_shifted() => return,
            _ => {}
        }
        if head.stream == 0 {
            self.lane(side).pass_frame(0, frame);
        } else {
            self.unfollowed(side, head, frame);
        }
    }

    /// Passes on a frame of a stream that is not followed, or of a kind that is not known.
    fn unfollowed(&mut self, side: Side, head: Head, frame: &[u8]) {
        let known = match side {
            Side::Request if self.streams.is_shifted() => None,
            Side::Request => Some(head.stream),
            Side::Response => self.streams.client(head.stream),
        };
        if let Some(stream) = known {
            self.lane(side).pass_frame(stream, frame);
        }
    }

    /// Passes on that the service takes no more streams. Those that it has not looked at, held ones
    /// among them, may be tried again elsewhere.
    fn service_leaves(&mut self, payload: &[u8], frame: &[u8]) {
        let last = frame::number(payload).unwrap_or(frame::LAST_STREAM);
        if last == frame::LAST_STREAM {
            return self.lane(Side::Response).pass_frame(0, frame);
        }
        for id in self.streams.ids() {
            let Some(mut stream) = self.streams.take_open(id) else { continue };
            if stream.service == 0 || stream.service > last {
                self.close(&mut stream);
                frame::reset(id, frame::REFUSED_STREAM, self.lane(Side::Response).frames());
            }
            self.streams.put(id, stream);
        }
        let last = self.streams.last;
        let out = self.lane(Side::Response).frames();
        let start = out.len();
        out.extend_from_slice(frame);
        out[start + frame::HEAD..start + frame::HEAD + 4].copy_from_slice(&last.to_be_bytes());
    }

    /// Asks the client to open no more streams here.
    pub(super) fn leave(&mut self) {
        // Before it has spoken, nothing may come from it but its settings.
        if self.leaving == Leaving::No && self.heard && !self.plain {
            self.leaving = Leaving::Asked;
            let out = self.lane(Side::Response).frames();
            frame::goaway(frame::LAST_STREAM, frame::NO_ERROR, out);
            frame::ping(FAREWELL, out);
        }
    }

    /// Tells the client which stream is the last that is carried.
    fn told(&mut self) {
        let last = self.streams.last;
        self.leaving = Leaving::Told(last);
        frame::goaway(last, frame::NO_ERROR, self.lane(Side::Response).frames());
    }

    /// Tells whether the connection can end without loss.
    pub(super) fn is_left(&self) -> bool {
        matches!(self.leaving, Leaving::Told(_)) && self.streams.open_now() == 0
    }
}
