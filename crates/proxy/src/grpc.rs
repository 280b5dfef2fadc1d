//! What gRPC puts into HTTP/2 (its PROTOCOL-HTTP2 document): statuses, deadlines, and messages in
//! a body. Pure.

pub(crate) mod fuzz;

use std::{fmt::Write, time::Duration};

use crate::rules::GrpcStatus;

/// A deadline has at most eight digits.
const MAX_TIMEOUT: u128 = 99_999_999;
/// Units of deadlines with their nanoseconds, coarse to fine.
const UNITS: [(u8, u128); 6] = [
    (b'H', 3_600_000_000_000),
    (b'M', 60_000_000_000),
    (b'S', 1_000_000_000),
    (b'm', 1_000_000),
    (b'u', 1_000),
    (b'n', 1),
];
const TYPE_ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const TYPE_RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The header fields that carry the end of a call.
pub(crate) const STATUS_FIELDS: [&str; 3] =
    ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// Returns the fields of a response that is nothing but a status.
pub(crate) fn trailers_only(status: &GrpcStatus) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        (":status", "200".to_owned()),
        ("content-type", "application/grpc".to_owned()),
        ("grpc-status", status.code.to_string()),
    ];
    if !status.message.is_empty() {
        fields.push(("grpc-message", percent_encoded(&status.message)));
    }
    if status.error_info.is_some() || status.retry_after.is_some() {
        fields.push(("grpc-status-details-bin", base64(&details(status))));
    }
    fields
}

/// Encodes what is not printable ASCII, and the sign of the encoding itself.
fn percent_encoded(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("invariant: a string takes all text"),
        }
    }
    encoded
}

/// Encodes a `google.rpc.Status`.
fn details(status: &GrpcStatus) -> Vec<u8> {
    let mut message = Vec::new();
    number(1, u64::from(status.code), &mut message);
    text(2, status.message.as_bytes(), &mut message);
    if let Some((reason, domain)) = &status.error_info {
        let mut info = Vec::new();
        text(1, reason.as_bytes(), &mut info);
        text(2, domain.as_bytes(), &mut info);
        any(TYPE_ERROR_INFO, &info, &mut message);
    }
    if let Some(after) = status.retry_after {
        let (mut time, mut info) = (Vec::new(), Vec::new());
        number(1, after.as_secs(), &mut time);
        number(2, u64::from(after.subsec_nanos()), &mut time);
        text(1, &time, &mut info);
        any(TYPE_RETRY_INFO, &info, &mut message);
    }
    message
}

/// Appends a `google.protobuf.Any` to the details of a status.
fn any(type_url: &str, value: &[u8], into: &mut Vec<u8>) {
    let mut any = Vec::new();
    text(1, type_url.as_bytes(), &mut any);
    text(2, value, &mut any);
    text(3, &any, into);
}

/// Appends a protobuf field with a number; zero is left out.
fn number(field: u8, value: u64, into: &mut Vec<u8>) {
    if value > 0 {
        into.push(field << 3);
        varint(value, into);
    }
}

/// Appends a protobuf field with bytes; none are left out.
fn text(field: u8, bytes: &[u8], into: &mut Vec<u8>) {
    if !bytes.is_empty() {
        into.push(field << 3 | 2);
        varint(bytes.len() as u64, into);
        into.extend(bytes);
    }
}

fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Encodes for a binary header, unpadded as gRPC writes it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, &byte| word << 8 | usize::from(byte));
        let word = word << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            encoded.push(char::from(LETTERS[word >> (18 - 6 * at) & 0x3f]));
        }
    }
    encoded
}

/// Reads a `grpc-timeout`.
pub(crate) fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    let fits = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let count: u128 = std::str::from_utf8(digits).ok().filter(|_| fits)?.parse().ok()?;
    // The longest is 99,999,999 hours, which fits.
    Some(Duration::from_nanos_u128(count * nanos))
}

/// Writes a `grpc-timeout`, in the coarsest unit that is exact, or else the finest that fits.
pub(crate) fn timeout_text(timeout: Duration) -> String {
    let total = timeout.as_nanos();
    let fits = |(_, nanos): &&(u8, u128)| total.div_ceil(*nanos) <= MAX_TIMEOUT;
    let exact =
        UNITS.iter().filter(fits).find(|(_, nanos)| total.is_multiple_of(*nanos) && total > 0);
    let (unit, nanos) = exact.or(UNITS.iter().rev().find(fits)).unwrap_or(&UNITS[0]);
    format!("{}{}", total.div_ceil(*nanos).min(MAX_TIMEOUT), char::from(*unit))
}

/// Follows the messages of a body, to stop behind the last that passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Messages {
    /// Messages that still pass whole.
    left: u64,
    /// Bytes of the prefix of the next message: a flag and its length.
    prefix: [u8; 5],
    seen: usize,
    /// Bytes of the message to go.
    body: u32,
}

impl Messages {
    pub(crate) fn pass(messages: u64) -> Messages {
        Messages { left: messages, prefix: [0; 5], seen: 0, body: 0 }
    }

    /// Tells whether all that may pass have passed.
    pub(crate) fn over(&self) -> bool {
        self.left == 0
    }

    /// Returns how many of the bytes pass, and moves on by them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.left > 0 && taken < bytes.len() {
            if self.seen < self.prefix.len() {
                self.prefix[self.seen] = bytes[taken];
                self.seen += 1;
                taken += 1;
                if self.seen == self.prefix.len() {
                    let [_flag, length @ ..] = self.prefix;
                    self.body = u32::from_be_bytes(length);
                }
            } else {
                let here = bytes.len() - taken;
                let count = usize::try_from(self.body).unwrap_or(usize::MAX).min(here);
                self.body -= count as u32;
                taken += count;
            }
            if self.seen == self.prefix.len() && self.body == 0 {
                self.seen = 0;
                self.left -= 1;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_is_carried_in_one_block() {
        let status = GrpcStatus {
            code: 14,
            message: "库存 50% gone\n".to_owned(),
            error_info: Some(("NO_STOCK".to_owned(), "shop.test".to_owned())),
            retry_after: Some(Duration::from_millis(1_500)),
        };
        let fields = trailers_only(&status);
        assert_eq!(fields[2], ("grpc-status", "14".to_owned()));
        assert_eq!(fields[3], ("grpc-message", "%E5%BA%93%E5%AD%98 50%25 gone%0A".to_owned()));
        assert_eq!(fields[4].0, "grpc-status-details-bin");
        let plain = GrpcStatus { code: 5, ..GrpcStatus::default() };
        assert_eq!(trailers_only(&plain).len(), 3);
    }

    #[test]
    fn details_are_protobuf() {
        let status = GrpcStatus {
            code: 8,
            message: "no".to_owned(),
            error_info: None,
            retry_after: Some(Duration::from_secs(300)),
        };
        let mut expected = b"\x08\x08\x12\x02no\x1a\x31\x0a\x28".to_vec();
        expected.extend(TYPE_RETRY_INFO.as_bytes());
        expected.extend(b"\x12\x05\x0a\x03\x08\xac\x02");
        assert_eq!(details(&status), expected);
    }

    #[test]
    fn base64_is_unpadded() {
        let check = |bytes: &[u8], text: &str| assert_eq!(base64(bytes), text);
        check(b"", "");
        check(b"f", "Zg");
        check(b"fo", "Zm8");
        check(b"foo", "Zm9v");
        check(b"\xff\xfe\xfd\xfc", "//79/A");
    }

    #[test]
    fn deadlines() {
        let read = |text: &str| timeout(text.as_bytes());
        assert_eq!(read("50m"), Some(Duration::from_millis(50)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(read("999987u"), Some(Duration::from_micros(999_987)));
        for bad in ["", "m", "50", "50x", "123456789m", "-1m", "+1m", "1.5S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let check = |nanos: u128, text: &str| {
            assert_eq!(timeout_text(Duration::from_nanos_u128(nanos)), text);
        };
        check(50_000_000, "50m");
        check(0, "0n");
        check(999_987_000, "999987u");
        check(12_345_678_912, "12345679u");
        check(7_200_000_000_000, "2H");
    }

    proptest! {
        #[test]
        fn a_deadline_that_was_written_is_read_a_little_longer_at_most(nanos in 0..u64::MAX) {
            let asked = Duration::from_nanos(nanos);
            let read = timeout(timeout_text(asked).as_bytes());
            let longer = read.map(|read| read.saturating_sub(asked));
            prop_assert!(read >= Some(asked));
            prop_assert!(longer <= Some(asked / 1_000_000));
        }

        #[test]
        fn messages_end_at_the_same_place_wherever_the_bytes_are_cut(
            sizes in proptest::collection::vec(0..30_usize, 0..6),
            passed in 0..8_u64,
            cuts in proptest::collection::vec(1..12_usize, 0..20),
        ) {
            let mut bytes = Vec::new();
            let mut end = 0;
            for (n, size) in sizes.iter().enumerate() {
                bytes.push(0);
                bytes.extend((*size as u32).to_be_bytes());
                bytes.extend(vec![7; *size]);
                if (n as u64) < passed {
                    end = bytes.len();
                }
            }
            let mut messages = Messages::pass(passed);
            let (mut rest, mut taken) = (&bytes[..], 0);
            for cut in cuts.iter().chain([&bytes.len()]) {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                taken += messages.take(now);
                rest = later;
            }
            prop_assert_eq!(taken, end);
            prop_assert_eq!(messages.over(), passed <= sizes.len() as u64);
        }

        #[test]
        fn every_message_is_printable(message in ".{0,30}") {
            let encoded = percent_encoded(&message);
            prop_assert!(encoded.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
