//! Pipes for splicing: bytes pass from socket to socket without being copied into this process. A
//! pipe is held only while bytes are in it.

use std::{io, os::fd::OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe takes at once; a connection's send buffer is of that order.
pub(super) const PIPE_BYTES: usize = 1 << 20;
/// Pipes kept for the next connection; a pipe at rest costs the kernel no page.
const IDLE_MAX: usize = 16;

/// One pipe and how many bytes are in it.
#[derive(Debug)]
pub(super) struct Pipe {
    reads: OwnedFd,
    writes: OwnedFd,
    pub(super) filled: usize,
}

/// Empty pipes.
#[derive(Debug, Default)]
pub(super) struct Pipes(Vec<Pipe>);

impl Pipes {
    pub(super) fn take(&mut self) -> io::Result<Pipe> {
        if let Some(pipe) = self.0.pop() {
            return Ok(pipe);
        }
        let (reads, writes) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Where a pipe may not be that large, it is a small one.
        let _as_it_is = fcntl_setpipe_size(&writes, PIPE_BYTES);
        Ok(Pipe { reads, writes, filled: 0 })
    }

    /// Takes a pipe back; one that holds bytes of a broken connection is closed with them.
    pub(super) fn give(&mut self, pipe: Pipe) {
        if pipe.filled == 0 && self.0.len() < IDLE_MAX {
            self.0.push(pipe);
        }
    }
}

impl Pipe {
    /// Fills it from a socket; zero is the end.
    pub(super) fn fill(&mut self, from: &OwnedFd) -> rustix::io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(from, None, &self.writes, None, PIPE_BYTES, flags)?;
        self.filled += count;
        Ok(count)
    }

    /// Empties it into a socket, as far as that takes it.
    pub(super) fn empty(&mut self, to: &OwnedFd) -> rustix::io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(&self.reads, None, to, None, self.filled, flags)?;
        self.filled -= count;
        Ok(count)
    }
}
