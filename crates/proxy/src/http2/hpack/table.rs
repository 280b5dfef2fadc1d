//! The static table (RFC 7541, appendix A) and the dynamic one of a decoder.

use std::collections::VecDeque;

use bytes::Bytes;

/// The largest dynamic table that is followed. Go, gRPC and browsers use 4 to 64 KiB.
pub(super) const MAX_TABLE: usize = 256 * 1024;
/// What a table has before anybody says otherwise.
const DEFAULT_TABLE: usize = 4_096;
/// What an entry counts beside its text.
pub(super) const ENTRY: usize = 32;

#[rustfmt::skip]
pub(super) const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The entries that the other side has inserted, newest first.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<(Bytes, Bytes)>,
    size: usize,
    max: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table { entries: VecDeque::new(), size: 0, max: DEFAULT_TABLE }
    }
}

impl Table {
    /// Returns the entry of an index, which counts the static table first.
    pub(super) fn get(&self, index: usize) -> Option<(Bytes, Bytes)> {
        let at = index.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, value)) => {
                Some((Bytes::from_static(name.as_bytes()), Bytes::from_static(value.as_bytes())))
            }
            None => self.entries.get(at - STATIC.len()).cloned(),
        }
    }

    pub(super) fn insert(&mut self, name: Bytes, value: Bytes) {
        self.size += name.len() + value.len() + ENTRY;
        self.entries.push_front((name, value));
        self.evict();
    }

    /// Changes the size; `None` when it is larger than what is followed.
    pub(super) fn resize(&mut self, max: usize) -> Option<()> {
        self.max = (max <= MAX_TABLE).then_some(max)?;
        self.evict();
        Some(())
    }

    fn evict(&mut self) {
        while self.size > self.max {
            let Some((name, value)) = self.entries.pop_back() else { break };
            self.size -= name.len() + value.len() + ENTRY;
        }
    }
}
