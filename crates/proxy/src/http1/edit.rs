//! Rewrites heads for the rules that ask for it: drops lines, adds lines, and leaves every other
//! byte as it came.

use bytes::{BufMut, Bytes, BytesMut};

use crate::rules::{Answer, Edit};

/// Headers that describe the body they came with, and are wrong of another one.
const OF_THE_BODY: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "content-md5",
    "content-digest",
    "trailer",
    "etag",
    "accept-ranges",
];

/// Returns a head with a rule's changes, and whether there were any.
pub(crate) fn edited(head: &[u8], edit: &Edit) -> (BytesMut, bool) {
    let removed = |name: &str| edit.remove.iter().any(|one| one.eq_ignore_ascii_case(name));
    let (mut head, dropped) = without(head, removed);
    let added = edit.add.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    append(&mut head, added);
    (head, dropped > 0 || !edit.add.is_empty())
}

/// Returns a head that announces another body.
pub(crate) fn for_body(head: &[u8], body: &Bytes, content_type: Option<&str>) -> BytesMut {
    let retyped = |name: &str| content_type.is_some() && name.eq_ignore_ascii_case("content-type");
    let (mut head, _) = without(head, |name| is_of_the_body(name) || retyped(name));
    let length = body.len().to_string();
    let typed = content_type.map(|value| ("Content-Type", value));
    append(&mut head, typed.into_iter().chain([("Content-Length", length.as_str())]));
    head
}

/// Tells whether a header is about the bytes of its body.
pub(crate) fn is_of_the_body(name: &str) -> bool {
    OF_THE_BODY.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Adds the line that asks the client to connect anew.
pub(crate) fn as_last(head: &[u8]) -> BytesMut {
    let mut head = BytesMut::from(head);
    append(&mut head, [("Connection", "close")]);
    head
}

/// Returns the whole answer of a rule.
pub(crate) fn answer(answer: &Answer, head_only: bool, last: bool) -> Bytes {
    let status = hyper::StatusCode::from_u16(answer.status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("Fault");
    let mut head = BytesMut::new();
    head.put_slice(format!("HTTP/1.1 {} {reason}\r\n\r\n", answer.status).as_bytes());
    append(&mut head, answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let bodiless = matches!(answer.status, 204 | 304);
    if !bodiless {
        append(&mut head, [("Content-Length", answer.body.len().to_string().as_str())]);
    }
    if last {
        append(&mut head, [("Connection", "close")]);
    }
    if !(head_only || bodiless) {
        head.put_slice(&answer.body);
    }
    head.freeze()
}

/// Returns a head without the headers whose name fits, and how many those were.
fn without(head: &[u8], drops: impl Fn(&str) -> bool) -> (BytesMut, usize) {
    let mut kept = BytesMut::with_capacity(head.len());
    let (mut dropped, mut first) = (0, true);
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let is_empty = matches!(line, b"\n" | b"\r\n");
        let name = line.split(|&byte| byte == b':').next();
        let name = name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
        if !is_empty && !first && drops(name) {
            dropped += 1;
        } else {
            kept.put_slice(line);
        }
        first &= is_empty;
    }
    (kept, dropped)
}

/// Adds lines before the empty line that ends a head.
fn append<'a>(head: &mut BytesMut, lines: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let empty_line = if head.ends_with(b"\r\n") { 2 } else { 1 };
    let end = head.split_off(head.len() - empty_line);
    for (name, value) in lines {
        head.put_slice(name.as_bytes());
        head.put_slice(b": ");
        head.put_slice(value.as_bytes());
        head.put_slice(b"\r\n");
    }
    head.unsplit(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn edit(add: &[(&str, &str)], remove: &[&str]) -> Edit {
        let add = add.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Edit { add, remove: remove.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn lines_are_dropped_and_added_and_the_rest_is_kept() {
        let head = b"\r\nGET /x-a: HTTP/1.1\r\nHost:a\r\nX-A : no\r\nx-a: 1\nX-A:2\r\n\r\n";
        let (head, changed) = edited(head, &edit(&[("x-b", "3")], &["X-a"]));
        let expected = "\r\nGET /x-a: HTTP/1.1\r\nHost:a\r\nX-A : no\r\nx-b: 3\r\n\r\n";
        assert_eq!((text(&head).as_str(), changed), (expected, true));
        let (same, changed) = edited(b"GET / HTTP/1.1\nA: b\n\n", &edit(&[], &["x-a"]));
        assert_eq!((text(&same).as_str(), changed), ("GET / HTTP/1.1\nA: b\n\n", false));
    }

    #[test]
    fn another_body_is_announced_alone() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: a\r\n\
                     Content-Encoding: gzip\r\nX: y\r\n\r\n";
        let body = Bytes::from_static(b"{}");
        assert_eq!(
            text(&for_body(head, &body, None)),
            "HTTP/1.1 200 OK\r\nContent-Type: a\r\nX: y\r\nContent-Length: 2\r\n\r\n"
        );
        assert_eq!(
            text(&for_body(head, &body, Some("b"))),
            "HTTP/1.1 200 OK\r\nX: y\r\nContent-Type: b\r\nContent-Length: 2\r\n\r\n"
        );
    }

    #[test]
    fn answers_are_whole() {
        let full = Answer {
            status: 503,
            headers: vec![("Retry-After".to_owned(), "1".to_owned())],
            body: Bytes::from_static(b"no"),
        };
        let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n";
        assert_eq!(text(&answer(&full, false, false)), format!("{head}\r\nno"));
        assert_eq!(text(&answer(&full, true, true)), format!("{head}Connection: close\r\n\r\n"));
        let odd = Answer { status: 599, ..Answer::default() };
        assert_eq!(
            text(&answer(&odd, false, false)),
            "HTTP/1.1 599 Fault\r\nContent-Length: 0\r\n\r\n"
        );
        let empty = Answer { status: 204, ..full };
        assert_eq!(
            text(&answer(&empty, false, false)),
            "HTTP/1.1 204 No Content\r\nRetry-After: 1\r\n\r\n"
        );
    }

    proptest! {
        #[test]
        fn an_edit_that_changes_nothing_keeps_every_byte(
            lines in proptest::collection::vec("[A-Za-z-]{1,6}:[ -~]{0,10}\r?\n", 0..6),
        ) {
            let head = format!("GET / HTTP/1.1\r\n{}\r\n", lines.concat());
            let (kept, changed) = edited(head.as_bytes(), &edit(&[], &["not-there"]));
            prop_assert_eq!(&kept[..], head.as_bytes());
            prop_assert!(!changed);
        }
    }
}
