//! Two sockets joined: bytes pass between them unread until both directions have ended. An end
//! passes as an end, a reset as a reset, and a receiver that takes nothing stops its sender.
//! Urgent data passes in line, no longer marked as urgent.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};
use socket2::SockRef;

use super::pipes::{Pipe, Pipes};
use crate::{counters::Counters, upstream::Exemption};

/// What one read asks for; shared by all connections, so that those at rest hold nothing.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;
/// So many full reads in a row make a direction a bulk one, whose bytes are spliced.
const FULL_READS: u8 = 2;
/// Reads of one direction before the others have their turn.
const TURN: usize = 8;

/// What the joints of one thread share.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) buffer: Box<[u8]>,
    pub(super) pipes: Pipes,
}

/// A client, a service, and what is between them. The exemption outlives the sockets.
pub(super) struct Joint {
    pub(super) client: End,
    pub(super) service: End,
    up: Flow,
    down: Flow,
    _exemption: Option<Exemption>,
}

/// One socket, and what is known of it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) socket: OwnedFd,
    /// Whether a read may find something.
    pub(super) readable: bool,
    /// Whether a write may be taken.
    pub(super) writable: bool,
    /// Whether the other side finished or is gone: then a short read is not the last one.
    pub(super) hung_up: bool,
    /// Whether an urgent byte came since the last short read.
    pub(super) urgent: bool,
    /// Whether a write found it reset: what follows its last bytes is no orderly end.
    reset: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    held: Held,
    /// The sender finished.
    ended: bool,
    /// The receiver was told.
    told: bool,
    /// The receiver takes no more bytes; the other direction may still have some.
    broken: bool,
    /// Full reads in a row.
    full: u8,
}

/// Bytes that the receiver did not take yet.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    Pipe(Pipe),
}

/// What is to be done with a joint after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for its sockets.
    Wait,
    /// It has more to do, after the others.
    Again,
    /// Both directions ended.
    Over,
    /// It broke; both sides are to see a reset.
    Reset,
}

/// How far a direction came.
enum Turn {
    Blocked,
    Used,
}

impl End {
    pub(super) fn new(socket: OwnedFd, writable: bool) -> End {
        End { socket, readable: false, writable, hung_up: false, urgent: false, reset: false }
    }
}

impl Joint {
    pub(super) fn new(client: End, service: End, exemption: Option<Exemption>) -> Joint {
        let (up, down) = (Flow::default(), Flow::default());
        Joint { client, service, up, down, _exemption: exemption }
    }

    /// Has bytes of the client go first.
    pub(super) fn with_early(mut self, early: Vec<u8>) -> Joint {
        if !early.is_empty() {
            self.up.held = Held::Bytes(early);
        }
        self
    }

    /// Moves what can be moved.
    pub(super) fn turn(&mut self, tools: &mut Tools, counters: &Counters) -> Next {
        let up = self.up.carry(&mut self.client, &mut self.service, tools, counters);
        let down = self.down.carry(&mut self.service, &mut self.client, tools, counters);
        match (up, down) {
            (Err(_gone), _) | (_, Err(_gone)) => Next::Reset,
            _ if self.up.is_over() && self.down.is_over() => {
                let broke = self.up.broken || self.down.broken;
                if broke { Next::Reset } else { Next::Over }
            }
            (Ok(Turn::Used), _) | (_, Ok(Turn::Used)) => Next::Again,
            (Ok(Turn::Blocked), Ok(Turn::Blocked)) => Next::Wait,
        }
    }

    /// Makes the close of both sockets a reset.
    pub(super) fn reset(&self) {
        for end in [&self.client, &self.service] {
            // A socket that is gone already cannot be reset, and need not be.
            let _gone = SockRef::from(&end.socket).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Flow {
    fn is_over(&self) -> bool {
        self.told || self.broken
    }

    /// Moves bytes one way. An error is the sender's: the connection is dead then.
    fn carry(
        &mut self,
        from: &mut End,
        to: &mut End,
        tools: &mut Tools,
        counters: &Counters,
    ) -> io::Result<Turn> {
        for _ in 0..TURN {
            if self.is_over() || !self.flush(to, tools, counters) {
                return Ok(Turn::Blocked);
            }
            if self.ended {
                self.finish(from, to)?;
                return Ok(Turn::Blocked);
            }
            if !from.readable || !to.writable {
                return Ok(Turn::Blocked);
            }
            let read = if self.full >= FULL_READS {
                self.splice(from, tools)
            } else {
                self.copy(from, to, tools, counters)
            };
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(Errno::AGAIN) => from.readable = false,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Turn::Used)
    }

    /// Reads into the shared buffer and writes from it; what is not taken is kept.
    fn copy(
        &mut self,
        from: &mut End,
        to: &mut End,
        tools: &mut Tools,
        counters: &Counters,
    ) -> rustix::io::Result<usize> {
        let (_, count) = recv(&from.socket, &mut *tools.buffer, RecvFlags::empty())?;
        if count == tools.buffer.len() {
            self.full += 1;
        } else {
            self.full = 0;
            // Nothing more is there, unless its end is, or an urgent byte that a read stops at.
            from.readable &= from.hung_up || from.urgent;
            from.urgent = false;
        }
        let bytes = &tools.buffer[..count];
        let sent = if bytes.is_empty() { 0 } else { self.write(to, bytes, counters) };
        if sent < count && !self.broken {
            self.held = Held::Bytes(bytes[sent..].to_vec());
        }
        Ok(count)
    }

    fn splice(&mut self, from: &mut End, tools: &mut Tools) -> rustix::io::Result<usize> {
        let Ok(mut pipe) = tools.pipes.take() else {
            // No descriptor is left: it is copied then.
            self.full = 0;
            return Err(Errno::INTR);
        };
        match pipe.fill(&from.socket) {
            Ok(0) => {
                tools.pipes.give(pipe);
                Ok(0)
            }
            Ok(count) => {
                self.held = Held::Pipe(pipe);
                Ok(count)
            }
            Err(error) => {
                tools.pipes.give(pipe);
                // The stream paused: it starts anew as a small one.
                self.full = 0;
                Err(error)
            }
        }
    }

    /// Writes what is held; tells whether nothing is any more.
    fn flush(&mut self, to: &mut End, tools: &mut Tools, counters: &Counters) -> bool {
        match std::mem::take(&mut self.held) {
            Held::Nothing => true,
            Held::Bytes(mut bytes) => {
                if to.writable {
                    let sent = self.write(to, &bytes, counters);
                    bytes.drain(..sent);
                }
                let done = bytes.is_empty() || self.broken;
                if !done {
                    self.held = Held::Bytes(bytes);
                }
                done
            }
            Held::Pipe(mut pipe) => {
                while to.writable && pipe.filled > 0 && !self.broken {
                    match pipe.empty(&to.socket) {
                        Ok(count) => counters.passed(count),
                        Err(error) => self.refused(to, error),
                    }
                }
                let done = pipe.filled == 0 || self.broken;
                if done {
                    tools.pipes.give(pipe);
                } else {
                    self.held = Held::Pipe(pipe);
                }
                done
            }
        }
    }

    /// Writes some bytes; returns how many were taken.
    fn write(&mut self, to: &mut End, bytes: &[u8], counters: &Counters) -> usize {
        match send(&to.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => {
                counters.passed(count);
                // A socket that took less than all is full.
                to.writable = count == bytes.len();
                count
            }
            Err(error) => {
                self.refused(to, error);
                0
            }
        }
    }

    fn refused(&mut self, to: &mut End, error: Errno) {
        match error {
            Errno::AGAIN => to.writable = false,
            Errno::INTR => {}
            _ => {
                self.broken = true;
                // What it sent before it went can still be read, and then how it went.
                to.reset = true;
                to.readable = true;
            }
        }
    }

    /// Passes on how the sender ended.
    fn finish(&mut self, from: &End, to: &End) -> io::Result<()> {
        if from.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        match shutdown(&to.socket, Shutdown::Write) {
            Ok(()) => self.told = true,
            Err(_gone) => self.broken = true,
        }
        Ok(())
    }
}
