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
        Some(RequestHead { method, path: path_of(target), length, may_switch, lines })
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
}

impl Fields {
    /// Reads what frames the message; `None` when a line is no header.
    fn read(lines: &[u8]) -> Option<Fields> {
        let mut fields = Fields { length: Length::Unsaid, upgrade: false };
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
            }
        }
        Some(fields)
    }
}

fn content_length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}
