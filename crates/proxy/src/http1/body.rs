//! Follows a body to its end without keeping any of it.

/// The longest chunk size line or trailer line; longer is not understood.
const MAX_LINE: usize = 8 * 1024;

/// Where in a body the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// At its end: a head comes next.
    Done,
    /// This many bytes to go.
    Bytes(u64),
    Chunked(Chunk),
}

/// Where in a chunked body the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In a size line: the size so far, digits seen, and whether only an extension follows.
    Size { size: u64, seen: usize, digits: bool, over: bool },
    /// In the data, then its line end.
    Data(u64),
    /// In the line end after the data.
    DataEnd { cr: bool },
    /// In a trailer line that has this many bytes so far.
    Trailer { seen: usize },
}

/// A body that is framed in no way known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubtful;

impl Chunk {
    pub(crate) const START: Chunk = Chunk::Size { size: 0, seen: 0, digits: false, over: false };
}

impl Body {
    /// Returns how many of the bytes belong to this body, and moves on by them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Doubtful> {
        let mut taken = 0;
        while taken < bytes.len() {
            match self {
                Body::Done => break,
                Body::Bytes(left) => {
                    let count = at_most(*left, bytes.len() - taken);
                    *left -= count as u64;
                    taken += count;
                    if *left == 0 {
                        *self = Body::Done;
                    }
                }
                Body::Chunked(Chunk::Data(left)) => {
                    let count = at_most(*left, bytes.len() - taken);
                    *left -= count as u64;
                    taken += count;
                    if *left == 0 {
                        *self = Body::Chunked(Chunk::DataEnd { cr: false });
                    }
                }
                Body::Chunked(chunk) => {
                    *self = chunk.byte(bytes[taken])?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }
}

fn at_most(left: u64, here: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(here)
}

impl Chunk {
    /// Moves on by one byte outside the data.
    fn byte(self, byte: u8) -> Result<Body, Doubtful> {
        let next = match (self, byte) {
            (Chunk::Size { digits: false, .. }, b'\n') => return Err(Doubtful),
            (Chunk::Size { size: 0, .. }, b'\n') => Chunk::Trailer { seen: 0 },
            (Chunk::Size { size, .. }, b'\n') => Chunk::Data(size),
            (Chunk::Size { size, seen, digits, over }, byte) if seen < MAX_LINE => {
                let seen = seen + 1;
                match char::from(byte).to_digit(16) {
                    Some(digit) if !over => {
                        let size = size.checked_mul(16).ok_or(Doubtful)? + u64::from(digit);
                        Chunk::Size { size, seen, digits: true, over }
                    }
                    _ if !digits => return Err(Doubtful),
                    _ => Chunk::Size { size, seen, digits, over: true },
                }
            }
            (Chunk::DataEnd { cr: false }, b'\r') => Chunk::DataEnd { cr: true },
            (Chunk::DataEnd { .. }, b'\n') => Chunk::START,
            (Chunk::Trailer { seen: 0 }, b'\n') => return Ok(Body::Done),
            (Chunk::Trailer { .. }, b'\n') => Chunk::Trailer { seen: 0 },
            // A carriage return alone leaves the line empty.
            (Chunk::Trailer { seen: 0 }, b'\r') => Chunk::Trailer { seen: 0 },
            (Chunk::Trailer { seen }, _) if seen < MAX_LINE => Chunk::Trailer { seen: seen + 1 },
            _ => return Err(Doubtful),
        };
        Ok(Body::Chunked(next))
    }
}
