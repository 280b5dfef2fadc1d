//! Header compression of HTTP/2 (RFC 7541), as far as someone needs it who stands between two
//! sides: blocks are read to know what they say and whether they change the table of the receiver,
//! and own blocks are written so that they depend on no table and change none.

mod decode;
mod encode;
mod huffman;
mod table;

pub(crate) use decode::Decoder;
pub(crate) use encode::{literals, table_size};

use bytes::Bytes;

/// One header or pseudo header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Bytes,
    pub(crate) value: Bytes,
    /// Whether the sender forbade to put it into a table.
    pub(crate) sensitive: bool,
}

impl Field {
    pub(crate) fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Field {
        Field { name: name.into(), value: value.into(), sensitive: false }
    }
}
