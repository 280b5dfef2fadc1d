//! Owns the messages on standard input and output. The library that knows the messages takes
//! memory for as many bytes as a header claims; here a message is read as it comes, and its
//! length and its header's have a limit.

use lsp_server::{Connection, Message};
use std::io::{self, BufRead, Read};
use std::thread::JoinHandle;

/// The longest message: a text of the longest file that is read, with every letter escaped.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;
/// The longest line of a header; editors write two of some twenty bytes.
const HEADER_BYTES_MAX: u64 = 4096;
/// The most lines of a header.
const HEADER_LINES_MAX: usize = 32;

/// Why nothing more can be read: where the next message begins is not known any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("standard input: {0}")]
    System(#[from] io::Error),
    #[error("a message has no Content-Length")]
    NoLength,
    #[error("a message's Content-Length is {0:?}, which is no number of bytes")]
    NoNumber(String),
    #[error("a message of {0} bytes; {MESSAGE_BYTES_MAX} are the most")]
    TooLong(u64),
    #[error("a message's header has a line that is longer than {HEADER_BYTES_MAX} bytes")]
    LongHeader,
    #[error("a message's header has more than {HEADER_LINES_MAX} lines")]
    ManyHeaders,
    #[error("a message ends after {0} of {1} bytes")]
    Cut(u64, u64),
    #[error("a message is not of the protocol: {0}")]
    Foreign(#[from] serde_json::Error),
}

/// The thread that reads; it ends with the input, with `exit`, or with what cannot be read.
pub(super) struct Reading(JoinHandle<Result<(), ReadError>>);
/// The thread that writes; it ends when nobody can send any more.
pub(super) struct Writing(JoinHandle<io::Result<()>>);

/// Connects to the editor on the other side of standard input and output.
pub(super) fn connect() -> (Connection, Reading, Writing) {
    let (here, editor) = Connection::memory();
    let Connection { sender, receiver } = editor;
    let reading = std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(message) = read(&mut input)? {
            let last = matches!(&message, Message::Notification(n) if n.method == "exit");
            if sender.send(message).is_err() || last {
                break;
            }
        }
        Ok(())
    });
    let writing = std::thread::spawn(move || {
        let mut output = io::stdout().lock();
        receiver.into_iter().try_for_each(|message| message.write(&mut output))
    });
    (here, Reading(reading), Writing(writing))
}

impl Reading {
    /// Says why nothing more was read, if that is already known: an editor that is still there
    /// keeps the thread waiting.
    pub(super) fn failure(self) -> Option<ReadError> {
        if !self.0.is_finished() {
            return None;
        }
        self.0.join().expect("invariant: reading does not panic").err()
    }
}

impl Writing {
    /// Waits until everything is written.
    pub(super) fn finish(self) -> io::Result<()> {
        self.0.join().expect("invariant: writing does not panic")
    }
}

/// Reads one message; none at the end of the input.
fn read(input: &mut dyn BufRead) -> Result<Option<Message>, ReadError> {
    let Some(length) = header(input)? else { return Ok(None) };
    if length > MESSAGE_BYTES_MAX {
        return Err(ReadError::TooLong(length));
    }
    let mut body = Vec::new();
    let came = input.take(length).read_to_end(&mut body)? as u64;
    if came < length {
        return Err(ReadError::Cut(came, length));
    }
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Reads a header up to its empty line; the length that it says.
fn header(input: &mut dyn BufRead) -> Result<Option<u64>, ReadError> {
    let mut length = None;
    for count in 0..HEADER_LINES_MAX {
        let mut line = Vec::new();
        let came = (&mut *input).take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
        if came as u64 == HEADER_BYTES_MAX && !line.ends_with(b"\n") {
            return Err(ReadError::LongHeader);
        }
        if came == 0 && count == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            return length.map(Some).ok_or(ReadError::NoLength);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("Content-Length")
        {
            let value = value.trim();
            let number = value.parse().map_err(|_| ReadError::NoNumber(value.to_owned()))?;
            length = Some(number);
        }
    }
    Err(ReadError::ManyHeaders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: &str) {
        let said = match read(&mut input.as_bytes()) {
            Ok(Some(message)) => serde_json::to_string(&message).expect("it was JSON"),
            Ok(None) => "the end".to_owned(),
            Err(why) => why.to_string(),
        };
        assert_eq!(said, expected, "{input:?}");
    }

    #[test]
    fn messages_are_read_and_what_is_none_is_named() {
        let exit = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        check(&format!("Content-Length: 33\r\n\r\n{exit}"), r#"{"method":"exit"}"#);
        let other = "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:33";
        check(&format!("{other}\n\n{exit}"), r#"{"method":"exit"}"#);
        check("", "the end");
        check("\r\n", "a message has no Content-Length");
        check(exit, "a message has no Content-Length");
        check("Content-Length: 33\r\n\r\n{", "a message ends after 1 of 33 bytes");
        let no = "a message's Content-Length is \"-1\", which is no number of bytes";
        check("Content-Length: -1\r\n\r\n", no);
        let most = "a message of 18446744073709551615 bytes; 67108864 are the most";
        check("Content-Length: 18446744073709551615\r\n\r\n{}", most);
        let long = "a message's header has a line that is longer than 4096 bytes";
        check(&"x".repeat(10_000), long);
        check(&"a: b\n".repeat(100), "a message's header has more than 32 lines");
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_an_error(
            header in "(Content-Length: ?[0-9]{0,20}\r?\n){0,2}\r?\n?",
            body in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let input = [header.as_bytes(), &body].concat();
            let mut rest = &input[..];
            while let Ok(Some(_)) = read(&mut rest) {}
        }
    }
}
