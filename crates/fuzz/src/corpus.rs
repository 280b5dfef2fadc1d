//! The corpus of a target: one file, one input a line, escaped as Rust writes byte strings, so that
//! a change of it can be read. Lines that begin with `#` say why the next input is there.

use std::io;
use std::path::PathBuf;

/// Returns the file of a target.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{name}.txt"))
}

/// Reads the inputs of a target.
///
/// # Errors
/// When the file cannot be read, or a line is no escaped input.
pub fn read(name: &str) -> io::Result<Vec<Vec<u8>>> {
    let path = path(name);
    let text = std::fs::read_to_string(&path)?;
    let bad = |number: usize| {
        let why = format!("{}:{}: not an escaped input", path.display(), number + 1);
        io::Error::new(io::ErrorKind::InvalidData, why)
    };
    let inputs = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    inputs.map(|(number, line)| unescape(line).ok_or_else(|| bad(number))).collect()
}

/// Writes an input as a line.
pub fn escape(input: &[u8]) -> String {
    let line = input.escape_ascii().to_string();
    // An input that begins with `#` is no comment.
    line.strip_prefix('#').map_or(line.clone(), |rest| format!("\\x23{rest}"))
}

/// Reads a line.
pub fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
                other @ (b'\\' | b'\'' | b'"') => other,
                _ => return None,
            },
            other => other,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_is_read_as_it_was_written() {
        let all: Vec<u8> = (0..=255).collect();
        for input in [&b""[..], b"#\\x", &all] {
            let line = escape(input);
            assert!(!line.starts_with('#') && !line.contains('\n'));
            assert_eq!(unescape(&line).as_deref(), Some(input));
        }
        for bad in ["\\", "\\q", "\\x1", "\\xzz"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
