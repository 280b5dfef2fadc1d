//! The fuzzer's door to the hello of TLS: what was decided of the first bytes stays when more come.

use super::hello::{self, Read};

/// Reads bytes as the start of a connection, whole and up to a place that they choose.
pub fn read(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let whole = hello::read(bytes);
    let part = hello::read(&bytes[..bytes.len().min(usize::from(first))]);
    assert!(part == Read::More || part == whole, "{part:?}, then {whole:?}");
}
