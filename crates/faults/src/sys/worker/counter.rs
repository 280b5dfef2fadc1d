//! A number that a worker counts and its holder reads without either waiting: the position of a
//! file without content, which the kernel shows to whoever may look into the process.

use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

const PREFIX: &str = "squall-";

/// The worker's side.
#[derive(Debug)]
pub(crate) struct Counter(OwnedFd);

impl Counter {
    pub(crate) fn new(name: &str) -> io::Result<Counter> {
        Ok(Counter(memfd_create(format!("{PREFIX}{name}"), MemfdFlags::CLOEXEC)?))
    }

    pub(crate) fn set(&self, number: u64) {
        // A number beyond the largest position stays what it was.
        let _kept = seek(&self.0, SeekFrom::Start(number));
    }
}

/// The holder's side.
pub(super) fn read(pid: u32, name: &str) -> Option<u64> {
    let wanted = format!("/memfd:{PREFIX}{name} (deleted)");
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let is_it = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str())
    };
    let number = entries.flatten().find(is_it)?.file_name();
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.to_str()?)).ok()?;
    text.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn what_is_counted_is_read_from_outside() {
        let counter = Counter::new("test").unwrap();
        let own = std::process::id();
        assert_eq!(read(own, "test"), Some(0));
        counter.set(5_000_000_000);
        assert_eq!(read(own, "test"), Some(5_000_000_000));
        assert_eq!(read(own, "other"), None);
    }
}
