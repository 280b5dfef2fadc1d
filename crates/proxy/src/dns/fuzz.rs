//! The fuzzer's door to DNS: messages as questions and as answers, and their frames over TCP.

use super::{
    framing::{self, Framer},
    message::{Name, Query, Rcode, Record, answers},
};

/// Reads bytes as a question, as an answer and as a stream of either. What is said about a question
/// can be read again.
pub fn read(bytes: &[u8]) {
    if let Some(query) = Query::read(bytes) {
        let name = Name::parse("other.test").expect("invariant: that is a name");
        let records = [
            Record::v4(None, 5, [127, 0, 0, 1].into()),
            Record::cname(5, &name),
            Record::v6(Some(name.clone()), 5, std::net::Ipv6Addr::LOCALHOST),
        ];
        assert_eq!(answers(&query.failed(bytes, Rcode::ServFail), 60).map(|r| r.len()), Some(0));
        assert_eq!(answers(&query.truncated(bytes), 60).map(|r| r.len()), Some(0));
        assert_eq!(answers(&query.answered(bytes, &records), 60).map(|r| r.len()), Some(3));
        let about = Query::read(&query.about(&name));
        assert_eq!(about.map(|q| q.name).as_deref(), Some("other.test"));
    }
    let _records = answers(bytes, 60);
    let (mut whole, mut torn) = (Framer::default(), Framer::default());
    whole.pass(bytes);
    bytes.chunks(3).for_each(|piece| {
        torn.pass(piece);
    });
    assert_eq!(whole.between(), torn.between(), "it depends on how the bytes arrive");
    if let Some(length) = framing::first(bytes) {
        assert!(length <= bytes.len(), "a message is longer than what is there");
    }
}
