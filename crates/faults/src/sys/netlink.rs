//! Messages of the kernel over netlink: lists of things and acknowledgments.

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;

/// Asks for an answer.
pub(crate) const NLM_F_REQUEST: u16 = 1;
/// Asks for an acknowledgment too.
pub(crate) const NLM_F_ACK: u16 = 4;
/// Makes something that must not be there yet.
pub(crate) const NLM_F_NEW: u16 = 0x600;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
/// One read; the kernel fills at most 32 KiB.
const READ_BYTES: usize = 64 << 10;
/// An acknowledgment, with what it is about and what the kernel has to say of it.
const ACK_BYTES: usize = 4 << 10;
/// A list that does not end after this many reads is no list.
const READS_MAX: usize = 10_000;

/// A netlink socket of the calling thread's network namespace.
pub(crate) struct Netlink(OwnedFd);

/// One message: its kind and its body.
pub(crate) type Message = (u16, Vec<u8>);

impl Netlink {
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Netlink> {
        let (kind, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
        Ok(Netlink(socket_with(AddressFamily::NETLINK, kind, flags, protocol)?))
    }

    /// Sends one message.
    pub(crate) fn ask(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        write(&mut bytes, kind, flags, body)?;
        send(&self.0, &bytes, SendFlags::empty())?;
        Ok(())
    }

    /// Sends many messages of one kind, a lot of them with each call, and returns the error numbers
    /// of those that failed. The kernel has done them when the call returns, and says nothing of
    /// those that went well.
    pub(crate) fn order_many(&self, kind: u16, bodies: &[Vec<u8>]) -> io::Result<Vec<i32>> {
        /// Their complaints fit the socket's buffer, were it all of them.
        const LOT: usize = 128;
        let mut failed = Vec::new();
        for lot in bodies.chunks(LOT) {
            let mut bytes = Vec::new();
            for body in lot {
                write(&mut bytes, kind, NLM_F_REQUEST, body)?;
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            send(&self.0, &bytes, SendFlags::empty())?;
            loop {
                match self.receive(READ_BYTES, RecvFlags::DONTWAIT) {
                    Ok(answers) => {
                        failed.extend(
                            answers.iter().filter_map(|(kind, body)| error_of(*kind, body)),
                        );
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(failed)
    }

    /// Sends one message with further flags; an error is the kernel's.
    pub(crate) fn order(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        match self.answered(kind, flags, body)? {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }

    fn answered(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<i32> {
        self.ask(kind, NLM_F_REQUEST | NLM_F_ACK | flags, body)?;
        let messages = self.read(ACK_BYTES)?;
        let code = messages.iter().find_map(|(kind, body)| error_of(*kind, body));
        code.ok_or_else(|| io::Error::other("the kernel did not acknowledge"))
    }

    /// Asks for a list and returns all of it.
    pub(crate) fn list(&self, kind: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.ask(kind, NLM_F_REQUEST | NLM_F_DUMP, body)?;
        let mut found = Vec::new();
        for _ in 0..READS_MAX {
            for (kind, body) in self.read(READ_BYTES)? {
                match (kind, error_of(kind, &body)) {
                    (NLMSG_DONE, _) => return Ok(found),
                    (_, Some(code)) => return Err(io::Error::from_raw_os_error(code)),
                    _ => found.push((kind, body)),
                }
            }
        }
        Err(io::Error::other("the list did not end"))
    }

    fn read(&self, most: usize) -> io::Result<Vec<Message>> {
        self.receive(most, RecvFlags::empty())
    }

    fn receive(&self, most: usize, flags: RecvFlags) -> io::Result<Vec<Message>> {
        let mut buffer = vec![0; most];
        let (read, _) = recv(&self.0, buffer.as_mut_slice(), flags)?;
        Ok(messages(&buffer[..read]))
    }
}

fn write(bytes: &mut Vec<u8>, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    bytes.extend(u32::try_from(HEADER + body.len()).map_err(io::Error::other)?.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    Ok(())
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    while let (Some(length), Some(kind)) = (number32(bytes, 0), number16(bytes, 4)) {
        let length = length as usize;
        if length < HEADER || length > bytes.len() {
            break;
        }
        out.push((kind, bytes[HEADER..length].to_vec()));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

/// The error number of an acknowledgment.
fn error_of(kind: u16, body: &[u8]) -> Option<i32> {
    let code = number32(body, 0).filter(|_| kind == NLMSG_ERROR)?;
    Some(code.cast_signed().wrapping_neg())
}

/// Adds an attribute.
pub(crate) fn put(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("invariant: attributes here are short");
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The attributes after a message's fixed part: kind and value.
pub(crate) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    /// The two upper bits are flags.
    const KIND: u16 = 0x3fff;
    let mut out = Vec::new();
    while let (Some(length), Some(kind)) = (number16(bytes, 0), number16(bytes, 2)) {
        let length = usize::from(length);
        if length < 4 || length > bytes.len() {
            break;
        }
        out.push((kind & KIND, &bytes[4..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

pub(crate) fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_messages_are_not_read() {
        assert!(messages(&[0; 3]).is_empty());
        assert!(messages(&[255; 64]).is_empty());
        assert!(messages(&[16, 0, 0, 0, 3, 0, 0, 0]).is_empty());
        assert!(attributes(&[3, 0, 1, 0]).is_empty());
        assert!(attributes(&[9, 0, 1, 0, 5, 5, 5, 5]).is_empty());
        assert_eq!(attributes(&[5, 0, 1, 0x80, 7, 0, 0, 0]), [(1, &[7u8][..])]);
    }
}
