//! Reads HTTP/1 heads without changing them: finds where one ends, what it asks
//! for, and how long its body is. Anything doubtful is `NotHttp`.

/// The longest head that is read; a longer one passes as plain bytes.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// The longest method; the longest registered one has 17 letters.
const MAX_METHOD: usize = 32;

/// The search for the end of a head, continued as bytes arrive.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    /// Bytes looked at.
    seen: usize,
    /// Where the line being read starts.
    line: usize,
    /// Whether the first line that is not empty has been seen.
    begun: bool,
}

/// What the bytes at hand are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The start of a head.
    More,
    /// A head of this many bytes.
    Head(usize),
    /// Not a head.
    NotHttp,
}

/// Which kind of head is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

impl HeadScan {
    /// Looks at the bytes not looked at before.
    pub(crate) fn find(&mut self, kind: Kind, bytes: &[u8]) -> Found {
        while let Some(at) = bytes[self.seen..].iter().position(|&byte| byte == b'\n') {
            let end = self.seen + at;
            let line = trim_cr(&bytes[self.line..end]);
            self.seen = end + 1;
            if !self.begun {
                // Some clients send an empty line after a body; it belongs to what follows.
                if !line.is_empty() {
                    if !first_line(kind, line) {
                        return Found::NotHttp;
                    }
                    self.begun = true;
                }
            } else if line.is_empty() {
                return Found::Head(self.seen);
            }
            self.line = self.seen;
            if self.seen > MAX_HEAD {
                return Found::NotHttp;
            }
        }
        self.seen = bytes.len();
        let promising = self.begun || first_line_begins(kind, &bytes[self.line..]);
        if promising && self.seen <= MAX_HEAD { Found::More } else { Found::NotHttp }
    }
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Tells whether an unfinished first line can still become one.
fn first_line_begins(kind: Kind, line: &[u8]) -> bool {
    match kind {
        Kind::Request => {
            let method = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
            let token = line[..method].iter().all(|&byte| is_token(byte));
            (token || line == b"\r") && method <= MAX_METHOD
        }
        Kind::Response => {
            let start = b"HTTP/1.";
            line.starts_with(start) || start.starts_with(line) || line == b"\r"
        }
    }
}

fn first_line(kind: Kind, line: &[u8]) -> bool {
    match kind {
        Kind::Request => request_line(line).is_some(),
        Kind::Response => status_line(line).is_some(),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns method, target and whether it is HTTP/1.1.
fn request_line(line: &[u8]) -> Option<(&str, &str, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut parts = line.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let method_fits = !method.is_empty() && method.len() <= MAX_METHOD;
    let fits =
        method_fits && method.bytes().all(is_token) && !target.is_empty() && parts.next().is_none();
    (fits && is_http1(version)).then_some((method, target, version == "HTTP/1.1"))
}

fn is_http1(version: &str) -> bool {
    matches!(version, "HTTP/1.1" | "HTTP/1.0")
}

/// Returns the status and whether it is HTTP/1.1.
fn status_line(line: &[u8]) -> Option<u16> {
    let version = std::str::from_utf8(line.get(..8)?).ok()?;
    let status = std::str::from_utf8(line.get(9..12)?).ok()?;
    let ends = line.get(12).is_none_or(|&byte| byte == b' ');
    let fits = is_http1(version) && line[8] == b' ' && ends;
    let status = status.parse().ok().filter(|_| status.bytes().all(|b| b.is_ascii_digit()))?;
    (fits && (100..600).contains(&status)).then_some(status)
}

/// How a body ends, as its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// No length is given: none for a request, until the end for a response.
    Unsaid,
    Bytes(u64),
    Chunked,
    /// Two answers, or one that cannot be read.
    Doubtful,
}

/// The parts of a request head that decide.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a str,
    /// Without query; `*` and authorities as they are.
    pub(crate) path: &'a str,
    pub(crate) length: Length,
    /// Whether the connection may change its protocol with the answer.
    pub(crate) may_switch: bool,
    /// Whether an answer in the service's place must end the connection: the client wants that,
    /// or it may or may not send the body that it asked leave for.
    pub(crate) answer_ends: bool,
    lines: &'a [u8],
}

/// The parts of a response head that decide.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) length: Length,
}

impl<'a> RequestHead<'a> {
    /// Reads a head whose end was found.
    pub(crate) fn read(head: &'a [u8]) -> Option<RequestHead<'a>> {
        let (first, lines) = split(head)?;
        let (method, target, version_11) = request_line(first)?;
        let fields = Fields::read(lines)?;
        let length = match fields.length {
            // HTTP/1.0 has no chunks: a proxy and a service could disagree here.
            Length::Chunked if !version_11 => Length::Doubtful,
            length => length,
        };
        let may_switch = fields.upgrade || method == "CONNECT";
        let answer_ends = !version_11 || fields.close || fields.expect || may_switch;
        Some(RequestHead { method, path: path_of(target), length, may_switch, answer_ends, lines })
    }

    /// Visits every header.
    pub(crate) fn headers(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in header_lines(self.lines).flatten() {
            visit(name, value);
        }
    }
}

impl ResponseHead {
    /// Reads a head whose end was found.
    pub(crate) fn read(head: &[u8]) -> Option<ResponseHead> {
        let (first, lines) = split(head)?;
        let status = status_line(first)?;
        Some(ResponseHead { status, length: Fields::read(lines)?.length })
    }
}

/// Returns the path of a target: without query, and without scheme and host if it has them.
pub(crate) fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_scheme, rest)) if !target.starts_with('/') => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

/// Splits a head into its first line that is not empty, and the rest.
fn split(head: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = head;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let line = trim_cr(&rest[..end]);
        rest = &rest[end + 1..];
        if !line.is_empty() {
            return Some((line, rest));
        }
    }
}

/// Yields each header; `None` for a line that is none.
fn header_lines(lines: &[u8]) -> impl Iterator<Item = Option<(&str, &[u8])>> {
    let lines = lines.split(|&byte| byte == b'\n').map(trim_cr);
    lines.take_while(|line| !line.is_empty()).map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        let fits = !name.is_empty() && name.bytes().all(is_token);
        fits.then_some((name, line[colon + 1..].trim_ascii()))
    })
}

struct Fields {
    length: Length,
    upgrade: bool,
    close: bool,
    expect: bool,
}

impl Fields {
    /// Reads what frames the message; `None` when a line is no header.
    fn read(lines: &[u8]) -> Option<Fields> {
        let mut fields =
            Fields { length: Length::Unsaid, upgrade: false, close: false, expect: false };
        for line in header_lines(lines) {
            let (name, value) = line?;
            if name.eq_ignore_ascii_case("content-length") {
                fields.length = match (fields.length, content_length(value)) {
                    (Length::Unsaid, Some(bytes)) => Length::Bytes(bytes),
                    (Length::Bytes(before), Some(bytes)) if before == bytes => Length::Bytes(bytes),
                    _ => Length::Doubtful,
                };
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                fields.length = match fields.length {
                    Length::Unsaid if value.eq_ignore_ascii_case(b"chunked") => Length::Chunked,
                    _ => Length::Doubtful,
                };
            } else if name.eq_ignore_ascii_case("upgrade") {
                fields.upgrade = true;
            } else if name.eq_ignore_ascii_case("connection") {
                let options = value.split(|&byte| byte == b',');
                fields.close |= options
                    .into_iter()
                    .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
            } else if name.eq_ignore_ascii_case("expect") {
                fields.expect = true;
            }
        }
        Some(fields)
    }
}

fn content_length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn found(kind: Kind, bytes: &[u8]) -> Found {
        HeadScan::default().find(kind, bytes)
    }

    #[test]
    fn requests_are_found_and_others_given_up_early() {
        let check = |text: &str, expected| {
            assert_eq!(found(Kind::Request, text.as_bytes()), expected, "{text:?}");
        };
        check("", Found::More);
        check("G", Found::More);
        check("\r\n\r\nGET / HTTP/1.1\r\n\r\nrest", Found::Head(22));
        check("GET / HTTP/1.1\r\nA: b\r\n\r\n", Found::Head(24));
        check("GET / HTTP/1.1\nA: b\n\nx", Found::Head(21));
        check("GET / HTTP/1.1\r\nA: b\r\n\r", Found::More);
        check("get foo\r\n", Found::NotHttp);
        check("GET /\r\n", Found::NotHttp);
        check("PING\r\n", Found::NotHttp);
        check("*1\r\n", Found::NotHttp);
        check("\u{16}\u{3}\u{1}", Found::NotHttp);
        check("GET / HTTP/2.0\r\n", Found::NotHttp);
        check("GET  / HTTP/1.1\r\n", Found::NotHttp);
        check(&"A".repeat(33), Found::NotHttp);
        check(&format!("GET /{}", "a".repeat(MAX_HEAD)), Found::NotHttp);
    }

    #[test]
    fn responses_are_found() {
        let check = |text: &str, expected| {
            assert_eq!(found(Kind::Response, text.as_bytes()), expected, "{text:?}");
        };
        check("HTTP/1.1 200 OK\r\n\r\n", Found::Head(19));
        check("HTTP/1.0 200\r\n\r\n", Found::Head(16));
        check("HTTP", Found::More);
        check("HTTP/2 200\r\n", Found::NotHttp);
        check("HTTP/1.1 20x OK\r\n", Found::NotHttp);
        check("220 mail", Found::NotHttp);
    }

    proptest! {
        #[test]
        fn where_the_bytes_were_cut_does_not_matter(
            text in "[ -~]{0,12}|GET /x HTTP/1.1\r?\n([A-Za-z-]{1,5}: [ -~]{0,8}\r?\n){0,3}(\r?\n)?",
            cuts in proptest::collection::vec(1..20_usize, 0..6),
        ) {
            let bytes = text.as_bytes();
            let whole = found(Kind::Request, bytes);
            let (mut scan, mut end, mut last) = (HeadScan::default(), 0, Found::More);
            for cut in cuts.iter().chain([&bytes.len()]) {
                end = (end + cut).min(bytes.len());
                last = scan.find(Kind::Request, &bytes[..end]);
                if last != Found::More {
                    break;
                }
            }
            // In pieces a wrong start may be noticed earlier, never anything else.
            prop_assert!(last == whole, "{last:?} {whole:?}");
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = found(Kind::Request, &bytes);
            let _ = found(Kind::Response, &bytes);
            let _ = RequestHead::read(&bytes);
            let _ = ResponseHead::read(&bytes);
        }
    }

    fn request(lines: &str) -> Option<Length> {
        let head = format!("POST /a HTTP/1.1\r\n{lines}\r\n");
        RequestHead::read(head.as_bytes()).map(|head| head.length)
    }

    #[test]
    fn lengths_that_two_readers_could_take_differently_are_doubtful() {
        assert_eq!(request(""), Some(Length::Unsaid));
        assert_eq!(request("content-LENGTH: 12 \r\n"), Some(Length::Bytes(12)));
        assert_eq!(request("Transfer-Encoding: Chunked\r\n"), Some(Length::Chunked));
        let twice = "Content-Length: 1\r\nContent-Length: 1\r\n";
        assert_eq!(request(twice), Some(Length::Bytes(1)));
        for doubtful in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length:\r\n",
        ] {
            assert_eq!(request(doubtful), Some(Length::Doubtful), "{doubtful}");
        }
        for no_header in ["Content-Length : 1\r\n", " folded\r\n", "nothing\r\n", ": a\r\n"] {
            assert_eq!(request(no_header), None, "{no_header}");
        }
        let old = RequestHead::read(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old.unwrap().length, Length::Doubtful);
    }

    #[test]
    fn targets_have_paths() {
        let check = |target: &str, path: &str| assert_eq!(path_of(target), path);
        check("/a/b?c=/d", "/a/b");
        check("/", "/");
        check("*", "*");
        check("http://shop.test:80/a?b", "/a");
        check("http://shop.test", "/");
        check("/go?to=http://x/y", "/go");
        check("db:5432", "db:5432");
    }
}
