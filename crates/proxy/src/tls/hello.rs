//! Reads the name and the protocols a TLS client asks for, out of bytes that may stop anywhere.

/// The record type of a handshake.
pub(super) const RECORD_HANDSHAKE: u8 = 22;
const RECORD_HEADER_BYTES: usize = 5;
/// The most a plaintext record may carry (RFC 8446, 5.1).
const RECORD_BYTES_MAX: usize = 1 << 14;
const MESSAGE_HEADER_BYTES: usize = 4;
const MESSAGE_CLIENT_HELLO: u8 = 1;
/// Hellos with post-quantum keys are two thousand bytes; nobody sends one this long.
const HELLO_BYTES_MAX: usize = 1 << 16;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_PROTOCOLS: u16 = 16;
const NAME_TYPE_HOST: u8 = 0;

/// What became of some first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// More are needed.
    More,
    /// This is no TLS, or none that can be read.
    Other,
    /// A whole hello.
    Hello(Hello),
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Hello {
    /// The server's name in small letters; empty where the client gives none.
    pub(super) name: String,
    /// Application protocols, best first.
    pub(super) protocols: Vec<String>,
}

/// Reads a hello, joined across records.
pub(super) fn read(bytes: &[u8]) -> Read {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        // Each byte is judged as soon as it is there: another protocol is not kept waiting.
        let header = &rest[..rest.len().min(RECORD_HEADER_BYTES)];
        let expected = |at: usize, fits: fn(u8) -> bool| header.get(at).is_none_or(|b| fits(*b));
        if !expected(0, |kind| kind == RECORD_HANDSHAKE) || !expected(1, |major| major == 3) {
            return Read::Other;
        }
        let Some((header, after)) = rest.split_first_chunk::<RECORD_HEADER_BYTES>() else {
            return Read::More;
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > RECORD_BYTES_MAX {
            return Read::Other;
        }
        message.extend(&after[..after.len().min(length)]);
        if message.first().is_some_and(|kind| *kind != MESSAGE_CLIENT_HELLO) {
            return Read::Other;
        }
        if let Some(whole) = whole(&message) {
            return match whole {
                Ok(body) => hello(body).map_or(Read::Other, Read::Hello),
                Err(TooLong) => Read::Other,
            };
        }
        match after.get(length..) {
            Some(next) => rest = next,
            None => return Read::More,
        }
    }
}

struct TooLong;

/// The body of the message, once all of it is there.
fn whole(message: &[u8]) -> Option<Result<&[u8], TooLong>> {
    let (header, body) = message.split_first_chunk::<MESSAGE_HEADER_BYTES>()?;
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    if length > HELLO_BYTES_MAX {
        return Some(Err(TooLong));
    }
    body.get(..length).map(Ok)
}

fn hello(body: &[u8]) -> Option<Hello> {
    let mut body = Fields(body);
    body.take(2 + 32)?;
    body.short()?;
    body.long()?;
    body.short()?;
    let mut hello = Hello::default();
    if body.0.is_empty() {
        // Before TLS 1.2 there may be no extensions at all.
        return Some(hello);
    }
    let mut extensions = body.long()?;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut content = extensions.long()?;
        match kind {
            EXTENSION_SERVER_NAME => {
                let mut names = content.long()?;
                while !names.0.is_empty() {
                    let host = names.take(1)? == [NAME_TYPE_HOST];
                    let name = names.long()?;
                    if host {
                        hello.name = String::from_utf8_lossy(name.0).to_ascii_lowercase();
                    }
                }
            }
            EXTENSION_PROTOCOLS => {
                let mut protocols = content.long()?;
                while !protocols.0.is_empty() {
                    let protocol = protocols.short()?;
                    hello.protocols.push(String::from_utf8_lossy(protocol.0).into_owned());
                }
            }
            _ => {}
        }
    }
    Some(hello)
}

/// Bytes that begin with what comes next.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A field with one byte of length.
    fn short(&mut self) -> Option<Fields<'a>> {
        let length = self.take(1)?[0];
        self.take(length.into()).map(Fields)
    }

    /// A field with two bytes of length.
    fn long(&mut self) -> Option<Fields<'a>> {
        let length = self.u16()?;
        self.take(length.into()).map(Fields)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
    }

    /// A hello for a name, cut into records of at most so many bytes.
    pub(crate) fn sample(name: &str, protocol: &str, record: usize) -> Vec<u8> {
        let host = [&[NAME_TYPE_HOST][..], &long(name.as_bytes())].concat();
        let protocol = [&[protocol.len() as u8][..], protocol.as_bytes()].concat();
        let extensions = [
            [&[0x0a, 0x0a][..], &long(&[])].concat(),
            [&[0, 0][..], &long(&long(&host))].concat(),
            [&[0, 16][..], &long(&long(&protocol))].concat(),
        ];
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(long(&extensions.concat()));
        let length = (body.len() as u32).to_be_bytes();
        let message = [&[MESSAGE_CLIENT_HELLO][..], &length[1..], &body].concat();
        let records = message.chunks(record);
        records.flat_map(|part| [&[RECORD_HANDSHAKE, 3, 1][..], &long(part)].concat()).collect()
    }

    fn expected(name: &str, protocol: &str) -> Read {
        Read::Hello(Hello { name: name.into(), protocols: vec![protocol.into()] })
    }

    #[test]
    fn a_hello_is_read_across_records_and_whatever_follows_it() {
        for record in [1, 3, 50, 9_000] {
            let mut bytes = sample("Api.Example", "h2", record);
            for end in 0..bytes.len() {
                assert_eq!(read(&bytes[..end]), Read::More, "{end} bytes of records of {record}");
            }
            assert_eq!(read(&bytes), expected("api.example", "h2"));
            bytes.extend([23, 3, 3, 0, 9, 1]);
            assert_eq!(read(&bytes), expected("api.example", "h2"));
        }
    }

    #[test]
    fn other_protocols_are_told_by_their_first_byte() {
        for other in [&b"GET / HTTP/1.1"[..], b"SSH-2.0", &[21, 3, 1], &[22, 2], &[0x80, 46, 1]] {
            assert_eq!(read(other), Read::Other, "{other:?}");
        }
        assert_eq!(read(&[22, 3, 1, 0, 0]), Read::Other, "an empty record");
        assert_eq!(read(&[22, 3, 1, 0x40, 1]), Read::Other, "a record too long");
        assert_eq!(read(&[22, 3, 1, 0, 9, 2]), Read::Other, "a server's hello");
        assert_eq!(read(&[22, 3, 1, 0, 9, 1, 2, 0, 0]), Read::Other, "a message too long");
        let mut cut = sample("a", "b", 9_000);
        cut[5 + 3] -= 1;
        assert_eq!(read(&cut), Read::Other, "an extension cut short");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = read(&[&[22, 3, 1][..], &bytes].concat());
        }

        #[test]
        fn a_damaged_hello_is_read_otherwise_or_not_at_all(
            at in 0usize..100, byte in any::<u8>(), record in 1usize..80,
        ) {
            let mut bytes = sample("api.example", "h2", record);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _read = read(&bytes);
        }
    }
}
