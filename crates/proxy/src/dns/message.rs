//! Reads as much of a DNS message as a fault judges by, and writes the answers it gives instead.
//!
//! Whatever this file does not understand is not an error: the message is forwarded unread, byte
//! for byte. The question is echoed as it came, since resolvers compare it to the letter (mixed
//! case included).

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

/// The first bytes of every message.
pub(crate) const HEADER_BYTES: usize = 12;
/// The longest name in wire form, its last zero included (RFC 1035, 3.1).
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;
/// What a client takes over UDP unless its query says more (RFC 1035, 4.2.1).
const UDP_BYTES: usize = 512;
/// What an answer with EDNS says it would take itself (the value of DNS flag day 2020).
const EDNS_BYTES: u16 = 1232;

/// An IPv4 address.
pub const TYPE_A: u16 = 1;
/// Another name.
pub const TYPE_CNAME: u16 = 5;
/// An IPv6 address.
pub const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;

const FLAG_RESPONSE: u16 = 0x8000;
const MASK_OPCODE: u16 = 0x7800;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSE: u16 = 0x0100;
const FLAG_RECURSES: u16 = 0x0080;
const FLAG_UNCHECKED: u16 = 0x0010;
const DNSSEC_OK: u32 = 0x8000;
/// The question's name, as a later name points to it.
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, 0x0c];

/// A response code that stands for failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// The server could not read the query.
    FormErr,
    /// The server failed.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// The server does not do this.
    NotImp,
    /// The server will not.
    Refused,
}

impl Rcode {
    fn number(self) -> u16 {
        match self {
            Rcode::FormErr => 1,
            Rcode::ServFail => 2,
            Rcode::NxDomain => 3,
            Rcode::NotImp => 4,
            Rcode::Refused => 5,
        }
    }
}

/// A name in wire form: labels, each with its length, and a zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// Reads a name as people write it; the last dot may be missing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Name> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let fits = (1..=LABEL_BYTES_MAX).contains(&label.len());
            if !fits || !label.bytes().all(|byte| byte.is_ascii_graphic()) {
                return None;
            }
            wire.push(label.len() as u8);
            wire.extend(label.bytes());
        }
        wire.push(0);
        (wire.len() <= NAME_BYTES_MAX).then_some(Name(wire))
    }

    /// Returns the name in small letters, without its last dot; the root is empty.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.as_slice();
        while let Some((&length, after)) = rest.split_first() {
            let Some((label, after)) = after.split_at_checked(usize::from(length)) else { break };
            if length > 0 && !text.is_empty() {
                text.push('.');
            }
            for byte in label {
                match byte.to_ascii_lowercase() {
                    b'.' | b'\\' => {
                        text.push('\\');
                        text.push(char::from(*byte));
                    }
                    byte if byte.is_ascii_graphic() => text.push(char::from(byte)),
                    byte => {
                        let _never_fails = write!(text, "\\{byte:03}");
                    }
                }
            }
            rest = after;
        }
        text
    }
}

/// One question to a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    id: u16,
    flags: u16,
    /// The name asked for, in small letters.
    pub(crate) name: String,
    /// The type asked for.
    pub(crate) kind: u16,
    class: u16,
    /// Where the question ends in the message.
    end: usize,
    /// The size over UDP and the flags of the query's OPT record.
    edns: Option<(u16, u32)>,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// `None` is the name asked for.
    owner: Option<Name>,
    kind: u16,
    ttl_s: u32,
    data: Vec<u8>,
}

impl Record {
    pub(crate) fn v4(owner: Option<Name>, ttl_s: u32, address: Ipv4Addr) -> Record {
        Record { owner, kind: TYPE_A, ttl_s, data: address.octets().to_vec() }
    }

    pub(crate) fn v6(owner: Option<Name>, ttl_s: u32, address: Ipv6Addr) -> Record {
        Record { owner, kind: TYPE_AAAA, ttl_s, data: address.octets().to_vec() }
    }

    pub(crate) fn cname(ttl_s: u32, name: &Name) -> Record {
        Record { owner: None, kind: TYPE_CNAME, ttl_s, data: name.0.clone() }
    }
}

impl Query {
    /// Reads a standard query for one name; `None` for anything else.
    pub(crate) fn read(message: &[u8]) -> Option<Query> {
        let mut reader = Reader { message, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let [1, 0, 0, additional] = counts else { return None };
        if flags & (FLAG_RESPONSE | MASK_OPCODE) != 0 {
            return None;
        }
        let name = reader.plain_name()?;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        let end = reader.at;
        let mut edns = None;
        for _ in 0..additional {
            reader.skip_name()?;
            let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
            let length = reader.u16()?;
            reader.take(length.into())?;
            if kind == TYPE_OPT {
                edns = Some((class, ttl));
            }
        }
        // Bytes behind the last record belong to no query.
        let all = reader.at == message.len() && class == CLASS_IN;
        all.then(|| Query { id, flags, name: name.text(), kind, class, end, edns })
    }

    /// Returns an answer with an error code.
    pub(crate) fn failed(&self, query: &[u8], code: Rcode) -> Vec<u8> {
        self.reply(query, code.number(), &[])
    }

    /// Returns an empty answer that says it was cut.
    pub(crate) fn truncated(&self, query: &[u8]) -> Vec<u8> {
        self.reply(query, FLAG_TRUNCATED, &[])
    }

    /// Returns an answer with these records; none is "the name has no such record".
    pub(crate) fn answered(&self, query: &[u8], records: &[Record]) -> Vec<u8> {
        self.reply(query, 0, records)
    }

    /// Returns how many bytes the client takes over UDP.
    pub(crate) fn udp_bytes_max(&self) -> usize {
        self.edns.map_or(UDP_BYTES, |(size, _)| UDP_BYTES.max(size.into()))
    }

    /// Returns the same question about another name.
    pub(crate) fn about(&self, name: &Name) -> Vec<u8> {
        let mut message = self.header(self.flags, 1, 0, 0);
        message.extend(&name.0);
        message.extend(self.kind.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        message
    }

    fn header(&self, flags: u16, questions: u16, answers: usize, additional: u16) -> Vec<u8> {
        let answers = u16::try_from(answers).unwrap_or(u16::MAX);
        let words = [self.id, flags, questions, answers, 0, additional];
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn reply(&self, query: &[u8], set: u16, records: &[Record]) -> Vec<u8> {
        let kept = self.flags & (FLAG_RECURSE | FLAG_UNCHECKED);
        let flags = FLAG_RESPONSE | FLAG_RECURSES | kept | set;
        let mut message = self.header(flags, 1, records.len(), self.edns.is_some().into());
        message.extend(query.get(HEADER_BYTES..self.end).unwrap_or_default());
        for record in records {
            match &record.owner {
                None => message.extend(POINTER_TO_QUESTION),
                Some(name) => message.extend(&name.0),
            }
            message.extend(record.kind.to_be_bytes());
            message.extend(CLASS_IN.to_be_bytes());
            message.extend(record.ttl_s.to_be_bytes());
            message.extend((record.data.len() as u16).to_be_bytes());
            message.extend(&record.data);
        }
        if let Some((_, flags)) = self.edns {
            message.push(0);
            message.extend(TYPE_OPT.to_be_bytes());
            message.extend(EDNS_BYTES.to_be_bytes());
            message.extend((flags & DNSSEC_OK).to_be_bytes());
            message.extend(0u16.to_be_bytes());
        }
        message
    }
}

/// Returns the addresses and aliases of an answer, names written out; `None` where it is none.
pub(crate) fn answers(message: &[u8], ttl_s_max: u32) -> Option<Vec<Record>> {
    let mut reader = Reader { message, at: 2 };
    let flags = reader.u16()?;
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    if flags & FLAG_RESPONSE == 0 {
        return None;
    }
    reader.at = HEADER_BYTES;
    for _ in 0..questions {
        reader.skip_name()?;
        reader.take(4)?;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        let owner = Some(reader.name()?);
        let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let length = usize::from(reader.u16()?);
        let start = reader.at;
        let data = reader.take(length)?.to_vec();
        let data = match kind {
            TYPE_CNAME => Reader { message, at: start }.name()?.0,
            TYPE_A | TYPE_AAAA => data,
            _ => continue,
        };
        if class == CLASS_IN {
            records.push(Record { owner, kind, ttl_s: ttl.min(ttl_s_max), data });
        }
    }
    Some(records)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// Reads a name without pointers: a question has nothing before it to point to.
    fn plain_name(&mut self) -> Option<Name> {
        let start = self.at;
        loop {
            let length = self.u8()?;
            if usize::from(length) > LABEL_BYTES_MAX {
                return None;
            }
            self.take(length.into())?;
            if self.at - start > NAME_BYTES_MAX {
                return None;
            }
            if length == 0 {
                return Some(Name(self.message[start..self.at].to_vec()));
            }
        }
    }

    /// Steps over a name; a pointer ends it.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                length if length & 0xc0 == 0xc0 => return self.u8().map(drop),
                length if usize::from(length) <= LABEL_BYTES_MAX => drop(self.take(length.into())?),
                _ => return None,
            }
        }
    }

    /// Reads a name and follows its pointers. Each must lead further back than the one before,
    /// and a name is 255 bytes at most, so no message makes this long.
    fn name(&mut self) -> Option<Name> {
        let mut wire = Vec::new();
        let mut at = self.at;
        let mut before = self.at;
        let mut end = None;
        loop {
            let length = *self.message.get(at)?;
            if length & 0xc0 == 0xc0 {
                let low = *self.message.get(at + 1)?;
                end = end.or(Some(at + 2));
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                if target >= before {
                    return None;
                }
                (before, at) = (target, target);
                continue;
            }
            if usize::from(length) > LABEL_BYTES_MAX {
                return None;
            }
            let after = at + 1 + usize::from(length);
            wire.extend(self.message.get(at..after)?);
            if wire.len() > NAME_BYTES_MAX {
                return None;
            }
            at = after;
            if length == 0 {
                self.at = end.unwrap_or(after);
                return Some(Name(wire));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use proptest::prelude::*;

    fn query(name: &str, kind: u16, edns: bool) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, edns.into()];
        message.extend(Name::parse(name).unwrap().0);
        message.extend([kind.to_be_bytes(), [0, 1]].concat());
        if edns {
            message.extend([0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 2, 9, 9]);
        }
        message
    }

    #[test]
    fn a_query_is_read() {
        let read = Query::read(&query("Api.Example.COM", TYPE_AAAA, true)).unwrap();
        assert_eq!((read.name.as_str(), read.kind), ("api.example.com", TYPE_AAAA));
        assert_eq!(
            (read.id, read.edns, read.udp_bytes_max()),
            (0xabcd, Some((4096, 0x8000)), 4096)
        );
        let read = Query::read(&query("a", TYPE_A, false)).unwrap();
        assert_eq!((read.edns, read.udp_bytes_max()), (None, 512));
    }

    #[test]
    fn what_is_no_query_for_one_name_is_not_read() {
        let good = query("a.b", TYPE_A, true);
        let with = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            message
        };
        // A response, another operation, no question, two, an answer in it, records that are not
        // there, a class other than the Internet, a pointer and a wrong length in the name.
        for (at, byte) in
            [(2, 0x81), (2, 0x29), (5, 0), (5, 2), (7, 1), (11, 2), (20, 3), (12, 0xc0), (12, 64)]
        {
            assert_eq!(Query::read(&with(at, byte)), None, "{at} {byte:#x}");
        }
        assert_eq!(Query::read(&[good.clone(), vec![0]].concat()), None, "bytes behind it");
        for end in 0..good.len() {
            assert_eq!(Query::read(&good[..end]), None, "cut at {end}");
        }
        assert!(Query::read(&good).is_some());
    }

    #[test]
    fn an_answer_echoes_the_question_to_the_letter() {
        let asked = query("aPi.eXample", TYPE_A, true);
        let read = Query::read(&asked).unwrap();
        let name = Name::parse("other.example").unwrap();
        let records =
            [Record::cname(7, &name), Record::v4(Some(name), 7, Ipv4Addr::new(10, 1, 2, 3))];
        let reply = read.answered(&asked, &records);
        assert_eq!(reply[..12], [0xab, 0xcd, 0x81, 0x90, 0, 1, 0, 2, 0, 0, 0, 1]);
        assert_eq!(reply[12..29], asked[12..29]);
        // Read back, the owner that points to the question is written out.
        let back = answers(&reply, 5).unwrap();
        assert_eq!(back[0].owner.as_ref().unwrap().text(), "api.example");
        assert_eq!((back[0].kind, back[0].ttl_s), (TYPE_CNAME, 5));
        assert_eq!(back[1].data, [10, 1, 2, 3]);
        assert_eq!(back[1].owner.as_ref().unwrap().text(), "other.example");

        assert_eq!(read.truncated(&asked)[2..4], [0x83, 0x90]);
        assert_eq!(read.failed(&asked, Rcode::NxDomain)[2..4], [0x81, 0x93]);
        let other = Query::read(&read.about(&Name::parse("x.y").unwrap())).unwrap();
        assert_eq!((other.name.as_str(), other.kind, other.id), ("x.y", TYPE_A, 0xabcd));
    }

    #[test]
    fn names_are_read_and_written() {
        let text = |text: &str| Name::parse(text).map(|name| name.text());
        assert_eq!(text("A.b."), Some("a.b".into()));
        assert_eq!(text(&"a".repeat(63)), Some("a".repeat(63)));
        for bad in ["", ".", "a..b", &"a".repeat(64), "a b", "订单.example", &"abc.".repeat(70)] {
            assert_eq!(text(bad), None, "{bad}");
        }
        assert_eq!(Name(vec![4, b'a', b'.', b'\\', 7, 0]).text(), "a\\.\\\\\\007");
    }

    #[test]
    fn pointers_that_lead_in_circles_or_forward_end_the_reading() {
        let head = [0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let tail = [0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
        for name in [&[0xc0, 12][..], &[0xc0, 14, 0xc0, 12], &[0xc0, 14, 0], &[1, b'a', 0xc0, 12]] {
            let message = [&head[..], name, &tail].concat();
            assert_eq!(answers(&message, 60), None, "{name:?}");
        }
        // A long chain, each pointer one step back, is followed to its end.
        let mut chain = vec![0, 0, 0x80, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0];
        chain.extend([0, 99, 0, 1, 0, 0, 0, 9]);
        let steps = 2_000u16;
        chain.extend((3 + 2 * steps).to_be_bytes());
        let first = chain.len() as u16;
        chain.extend([1, b'a', 0]);
        for step in 0..steps {
            let target = if step == 0 { first } else { first + 3 + 2 * (step - 1) };
            chain.extend((0xc000 | target).to_be_bytes());
        }
        chain.extend((0xc000 | (first + 3 + 2 * (steps - 1))).to_be_bytes());
        chain.extend(tail);
        let found = answers(&chain, 60).unwrap();
        assert_eq!(found[0].owner.as_ref().unwrap().text(), "a");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _read = (Query::read(&bytes), answers(&bytes, 1));
        }

        #[test]
        fn damaged_messages_never_panic(
            at in 0usize..60, byte in any::<u8>(), cut in 0usize..80, kind in 0u16..50,
        ) {
            let asked = query("some.name.example", kind, true);
            let read = Query::read(&asked).unwrap();
            let mut reply =
                read.answered(&asked, &[Record::v6(None, 1, Ipv6Addr::LOCALHOST)]);
            let at = at % reply.len();
            reply[at] = byte;
            reply.truncate(cut);
            let _read = (Query::read(&reply), answers(&reply, 1));
        }

        #[test]
        fn a_name_reads_back(labels in proptest::collection::vec("[a-z0-9_-]{1,20}", 1..8)) {
            let text = labels.join(".");
            let name = Name::parse(&text).unwrap();
            prop_assert_eq!(name.text(), text.clone());
            let asked = query(&text, TYPE_A, false);
            prop_assert_eq!(Query::read(&asked).unwrap().name, text);
        }
    }
}
