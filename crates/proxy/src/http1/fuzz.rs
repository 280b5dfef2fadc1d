//! The fuzzer's door to the readers of HTTP/1: what is read does not depend on how it arrives, and
//! an edited head still asks for the same.

use super::{
    body::{Body, Chunk},
    edit,
    head::{Found, HeadScan, Kind, Length, RequestHead, ResponseHead},
};
use crate::rules::Edit;

/// Reads bytes as requests and as responses, whole and in pieces of a length that they choose.
pub fn read(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let piece = 1 + usize::from(first);
    for kind in [Kind::Request, Kind::Response] {
        let whole = messages(kind, bytes, bytes.len().max(1));
        assert_eq!(whole, messages(kind, bytes, piece), "{kind:?} in pieces of {piece}");
    }
}

/// Returns where heads and bodies end; the last place is that of what is no HTTP.
fn messages(kind: Kind, bytes: &[u8], piece: usize) -> Vec<usize> {
    let (mut ends, mut at, mut there) = (Vec::new(), 0, 0);
    let (mut scan, mut body) = (HeadScan::default(), Body::Done);
    while there < bytes.len() {
        there = bytes.len().min(there + piece);
        while at < there {
            if body != Body::Done {
                let Ok(taken) = body.take(&bytes[at..there]) else { return ends };
                at += taken;
                if body == Body::Done {
                    ends.push(at);
                }
                continue;
            }
            match scan.find(kind, &bytes[at..there]) {
                Found::More => break,
                Found::NotHttp => return ends,
                Found::Head(length) => {
                    let head = &bytes[at..at + length];
                    at += length;
                    ends.push(at);
                    scan = HeadScan::default();
                    let Some(next) = body_of(kind, head) else { return ends };
                    body = next;
                }
            }
        }
    }
    ends
}

/// Reads a head: what kind of body it announces, if that can be told.
fn body_of(kind: Kind, head: &[u8]) -> Option<Body> {
    let length = match kind {
        Kind::Request => {
            let read = RequestHead::read(head)?;
            let edit = Edit {
                add: vec![("x-fault".to_owned(), "1".to_owned())],
                remove: vec!["x-tenant".to_owned()],
            };
            let (edited, _) = edit::edited(head, &edit);
            let again = RequestHead::read(&edited);
            let same = again.as_ref().is_some_and(|again| {
                (again.method, again.path, again.length) == (read.method, read.path, read.length)
            });
            assert!(same, "an edit changed what is asked: {again:?}");
            read.length
        }
        Kind::Response => ResponseHead::read(head)?.length,
    };
    match length {
        Length::Unsaid if kind == Kind::Response => Some(Body::UntilEnd),
        Length::Unsaid | Length::Bytes(0) => Some(Body::Done),
        Length::Bytes(count) => Some(Body::Bytes(count)),
        Length::Chunked => Some(Body::Chunked(Chunk::START)),
        Length::Doubtful => None,
    }
}
