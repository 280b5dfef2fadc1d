//! Reads the W3C `baggage` header, by which a request carries names of its own through all
//! services it reaches (<https://www.w3.org/TR/baggage/>).

/// Tells whether a `baggage` value has a member of this key and value. A value is compared
/// after percent-decoding; properties behind `;` do not count; what is not a member is skipped.
pub(crate) fn has(header: &[u8], key: &str, value: &str) -> bool {
    members(header).any(|(k, v)| k == key.as_bytes() && decoded_equals(v, value.as_bytes()))
}

/// Yields the members of a `baggage` value, in order.
fn members(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|&byte| byte == b',').filter_map(|member| {
        let member = member.split(|&byte| byte == b';').next()?;
        let equals = member.iter().position(|&byte| byte == b'=')?;
        let key = member[..equals].trim_ascii();
        (!key.is_empty()).then(|| (key, member[equals + 1..].trim_ascii()))
    })
}

/// Compares without a copy: each byte of the encoded text with the next one expected.
fn decoded_equals(mut encoded: &[u8], expected: &[u8]) -> bool {
    for &want in expected {
        let (byte, length) = match encoded {
            [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            [byte, ..] => (*byte, 1),
            [] => return false,
        };
        if byte != want {
            return false;
        }
        encoded = &encoded[length..];
    }
    encoded.is_empty()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_found_by_key_and_value() {
        let header = b"userId=alice, squall = on ;ttl=3,serverNode=DF%2028,empty=, =x,isProduction";
        let check = |key, value, expected| assert_eq!(has(header, key, value), expected, "{key}");
        check("squall", "on", true);
        check("squall", "o", false);
        check("squall", "on;ttl=3", false);
        check("serverNode", "DF 28", true);
        check("empty", "", true);
        check("isProduction", "", false);
        check("", "x", false);
        check("userid", "alice", false);
        assert!(has("city=%E5%8C%97%E4%BA%AC".as_bytes(), "city", "北京"));
        assert!(has(b"a=100%,b=%zz", "a", "100%") && has(b"a=1,b=%zz", "b", "%zz"));
    }

    proptest! {
        #[test]
        fn every_value_is_found_as_it_was_encoded(value in ".{0,12}", before in "[a-z=;,% ]{0,12}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let header = format!("{before},squall={encoded};p=1");
            prop_assert!(has(header.as_bytes(), "squall", &value));
        }

        #[test]
        fn no_bytes_make_it_panic(header in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = has(&header, "a", "b");
        }
    }
}
