//! The fuzzer's door to gRPC: messages end where they end, however their bytes arrive, and a
//! deadline that was read is written the same.

use super::{Messages, timeout, timeout_text};

/// Reads bytes as a body of messages, of which the first byte says how many pass, and as a deadline.
pub fn read(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let (mut whole, mut torn) = (Messages::pass(first.into()), Messages::pass(first.into()));
    let passed = whole.take(bytes);
    let piecewise: usize = bytes.chunks(3).map(|piece| torn.take(piece)).sum();
    assert_eq!(passed, piecewise, "it depends on how the bytes arrive");
    assert_eq!(whole.over(), torn.over());
    if let Some(time) = timeout(bytes) {
        assert_eq!(timeout(timeout_text(time).as_bytes()), Some(time));
    }
}
