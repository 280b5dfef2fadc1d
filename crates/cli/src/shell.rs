//! The only place in the command line that reads a clock or a random number.

pub(crate) mod live;

use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

/// Letters of a run's id: easy to say, none looks like another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Wall clock in milliseconds since 1970.
pub(crate) fn now_unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A fresh seed, printed and kept in the record so that a run can be repeated.
pub(crate) fn fresh_seed() -> u64 {
    let mut bytes = [0; 8];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes));
    match read {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => now_unix_ms().unsigned_abs() ^ u64::from(std::process::id()) << 32,
    }
}

/// A run's id of five letters, from random bits.
pub(crate) fn run_id(seed: u64) -> String {
    (0..5).map(|i| char::from(LETTERS[(seed >> (5 * i) & 31) as usize])).collect()
}
