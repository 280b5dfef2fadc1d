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
    /// Until the connection ends.
    UntilEnd,
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
                Body::UntilEnd => taken = bytes.len(),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(text: &str) -> Result<(usize, bool), Doubtful> {
        let mut body = Body::Chunked(Chunk::START);
        body.take(text.as_bytes()).map(|count| (count, body == Body::Done))
    }

    #[test]
    fn chunks_are_followed_to_their_end() {
        assert_eq!(taken("0\r\n\r\nGET"), Ok((5, true)));
        assert_eq!(taken("5\r\nhello\r\n0\r\n\r\nGET"), Ok((15, true)));
        assert_eq!(taken("A;x=\"y\"\r\n0123456789\r\n00\r\nSum: 1\r\n\r\n"), Ok((35, true)));
        assert_eq!(taken("5\nhello\n0\n\n"), Ok((11, true)));
        assert_eq!(taken("5\r\nhel"), Ok((6, false)));
        assert_eq!(taken("\r\n"), Err(Doubtful));
        assert_eq!(taken("x\r\n"), Err(Doubtful));
        assert_eq!(taken("2\r\nhello"), Err(Doubtful));
        assert_eq!(taken("fffffffffffffffff\r\n"), Err(Doubtful));
        assert_eq!(taken(&format!("0;{}", "a".repeat(MAX_LINE))), Err(Doubtful));
    }

    proptest! {
        #[test]
        fn where_the_bytes_were_cut_does_not_matter(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..4),
            cuts in proptest::collection::vec(1..30_usize, 0..20),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            let length = bytes.len();
            bytes.extend(b"next");
            let (mut body, mut rest, mut total) = (Body::Chunked(Chunk::START), &bytes[..], 0);
            for cut in cuts.iter().chain([&bytes.len()]) {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                let count = body.take(now);
                total += count.unwrap_or(usize::MAX);
                if body == Body::Done {
                    break;
                }
                rest = later;
            }
            prop_assert_eq!((total, body), (length, Body::Done));
        }

        #[test]
        fn any_bytes_are_taken_at_most_once(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut body = Body::Chunked(Chunk::START);
            if let Ok(count) = body.take(&bytes) {
                prop_assert!(count <= bytes.len());
                prop_assert!(count == bytes.len() || body == Body::Done);
            }
        }
    }
}
