//! The receipts on disk: append-only, synced before any effect, one writer at a time. What it is
//! written to is an argument, so that a simulation can tear, lose and refuse every byte of it.

use crate::paths::private_dir;
use crate::points::{Point, reach};
use rustix::fs::{FlockOperation, flock};
use squall_wire::chain::Chain;
use squall_wire::journal::{Replay, encode, replay};
use squall_wire::receipt::{Entry, Receipt};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A journal with nothing open is emptied once it is longer: some 50 runs of history remain for
/// a person who looks, and no start reads more than this for nothing.
pub const COMPACT_BYTES: u64 = 64 * 1024;
/// A longer journal is not read: it would take 60,000 open receipts.
pub const JOURNAL_BYTES_MAX: u64 = 64 << 20;

/// What a journal is written to.
pub trait Storage {
    /// Appends; where it fails, a part may have been written.
    ///
    /// # Errors
    /// The disk's answer.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once all that was appended is on disk.
    ///
    /// # Errors
    /// The disk's answer.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts everything after the first `bytes`.
    ///
    /// # Errors
    /// The disk's answer.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// A journal's file and the lock that says whose it is.
#[derive(Debug)]
pub struct OnDisk {
    file: File,
    _lock: File,
}

impl Storage for OnDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

/// The journal, held by one process.
#[derive(Debug)]
pub struct Journal<S = OnDisk> {
    storage: S,
    /// Length of the sound part.
    bytes: u64,
    /// True while something unsound may follow it.
    torn: bool,
    open: BTreeSet<String>,
    chain: Chain,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another agent, watchdog or undo has it.
    #[error("another agent holds {0}")]
    Held(PathBuf),
    /// A system call failed.
    #[error("{step} {path}: {source}")]
    System {
        /// What was being done.
        step: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The file is longer than any honest journal.
    #[error("{0} is longer than {JOURNAL_BYTES_MAX} bytes")]
    TooLong(PathBuf),
}

impl Journal {
    /// Takes the journal of a state folder and reads what is open in it. A torn tail is cut off.
    ///
    /// # Errors
    /// [`JournalError::Held`] at once when somebody else has it.
    pub fn take(state_dir: &Path) -> Result<(Journal, Replay), JournalError> {
        let system = |step, path: &Path| {
            let path = path.to_path_buf();
            move |source| JournalError::System { step, path, source }
        };
        private_dir(state_dir).map_err(system("prepare", state_dir))?;
        let lock = lock(state_dir, true)?;
        let path = file_of(state_dir);
        let existed = path.exists();
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).read(true).mode(0o600);
        let file = options.open(&path).map_err(system("open", &path))?;
        if !existed {
            // A file whose name is not on disk is no journal after a power cut.
            let dir = File::open(state_dir).and_then(|dir| dir.sync_all());
            dir.map_err(system("sync", state_dir))?;
        }
        let bytes = read_all(&file, &path)?;
        Journal::over(OnDisk { file, _lock: lock }, &bytes).map_err(system("cut", &path))
    }

    /// Takes a journal that is there, to undo what it holds; `None` where there is none. Nothing
    /// is made: whoever ends an agent may remove its folder at once, and it must not come back.
    ///
    /// # Errors
    /// As [`Journal::take`].
    pub fn take_existing(state_dir: &Path) -> Result<Option<(Journal, Replay)>, JournalError> {
        let path = file_of(state_dir);
        let none = |error: &JournalError| {
            matches!(error, JournalError::System { source, .. }
                if source.kind() == io::ErrorKind::NotFound && !path.exists())
        };
        let lock = match lock(state_dir, false) {
            // Somebody removed the lock alone; what the journal holds is undone all the same.
            Err(JournalError::System { .. }) if path.exists() => lock(state_dir, true)?,
            Err(error) if none(&error) => return Ok(None),
            held_or_not => held_or_not?,
        };
        let system = |step| {
            let path = path.clone();
            move |source| JournalError::System { step, path, source }
        };
        let file = OpenOptions::new().append(true).read(true).open(&path);
        let file = match file.map_err(system("open")) {
            Err(error) if none(&error) => return Ok(None),
            opened => opened?,
        };
        let bytes = read_all(&file, &path)?;
        let taken = Journal::over(OnDisk { file, _lock: lock }, &bytes);
        Ok(Some(taken.map_err(system("cut"))?))
    }
}

/// Locks a state folder for this process. Without `make` the file of the lock has to be there.
fn lock(state_dir: &Path, make: bool) -> Result<File, JournalError> {
    let path = state_dir.join("lock");
    let system = |step| {
        let path = path.clone();
        move |source| JournalError::System { step, path, source }
    };
    let mut options = OpenOptions::new();
    let options = options.create(make).truncate(false).read(true).write(true).mode(0o600);
    let lock = options.open(&path).map_err(system("open"))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            reach(Point::JournalTaken);
            Ok(lock)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Held(state_dir.to_path_buf())),
        Err(error) => Err(system("lock")(error.into())),
    }
}

impl<S: Storage> Journal<S> {
    /// Goes on with a journal of which this is the content. A torn tail is cut off.
    ///
    /// # Errors
    /// The disk's answer.
    pub fn over(mut storage: S, content: &[u8]) -> io::Result<(Journal<S>, Replay)> {
        let found = replay(content);
        let bytes = found.sound_bytes as u64;
        storage.cut(bytes)?;
        let open = found.open.iter().map(|receipt| receipt.id.clone()).collect();
        let chain = found.chain.clone();
        Ok((Journal { storage, bytes, torn: false, open, chain }, found))
    }

    /// Appends a receipt and waits until it is on disk.
    ///
    /// # Errors
    /// The disk's answer; the journal is then as it was before.
    pub fn open(&mut self, receipt: &Receipt) -> io::Result<()> {
        self.open_all(&[receipt])
    }

    /// Appends receipts that came together and waits once, until all of them are on disk.
    ///
    /// # Errors
    /// The disk's answer; the journal is then as it was before, without any of them.
    pub fn open_all(&mut self, receipts: &[&Receipt]) -> io::Result<()> {
        let entries: Vec<Entry> = receipts.iter().map(|one| Entry::Open((*one).clone())).collect();
        self.append(&entries, true)?;
        for receipt in receipts {
            self.open.insert(receipt.id.clone());
            reach(Point::ReceiptSynced);
        }
        Ok(())
    }

    /// Appends a closing entry. It is not synced: if it is lost, an idempotent undo is repeated.
    ///
    /// # Errors
    /// The disk's answer; the journal is then as it was before.
    pub fn close(&mut self, id: &str, by: &str, at_unix_ms: u64) -> io::Result<()> {
        let entry = Entry::Close { id: id.into(), by: by.into(), at_unix_ms };
        self.append(&[entry], false)?;
        reach(Point::Closed);
        self.open.remove(id);
        if self.open.is_empty() && self.bytes > COMPACT_BYTES {
            self.storage.cut(0)?;
            self.bytes = 0;
        }
        Ok(())
    }

    fn append(&mut self, entries: &[Entry], sync: bool) -> io::Result<()> {
        if self.torn {
            // Half a line would swallow this one.
            self.storage.cut(self.bytes)?;
            self.torn = false;
        }
        let (mut lines, mut chain) = (String::new(), self.chain.clone());
        for entry in entries {
            let line = encode(entry, &chain);
            chain.advance(line.trim_end().as_bytes());
            lines += &line;
        }
        let written = self.storage.append(lines.as_bytes());
        if sync && written.is_ok() {
            reach(Point::ReceiptWritten);
        }
        let written = written.and_then(|()| if sync { self.storage.sync() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.bytes += lines.len() as u64;
                self.chain = chain;
            }
            Err(_) => self.torn = self.storage.cut(self.bytes).is_err(),
        }
        written
    }
}

/// Reads a journal that somebody else may be writing.
///
/// # Errors
/// When it cannot be read. A journal that does not exist is empty.
pub fn peek(state_dir: &Path) -> Result<Replay, JournalError> {
    let path = file_of(state_dir);
    match File::open(&path) {
        Ok(file) => read_all(&file, &path).map(|bytes| replay(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Replay::default()),
        Err(source) => Err(JournalError::System { step: "open", path, source }),
    }
}

fn file_of(state_dir: &Path) -> PathBuf {
    state_dir.join("journal")
}

fn read_all(mut file: &File, path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let read = Read::by_ref(&mut file).take(JOURNAL_BYTES_MAX + 1).read_to_end(&mut bytes);
    let system = |source| JournalError::System { step: "read", path: path.into(), source };
    if read.map_err(system)? as u64 > JOURNAL_BYTES_MAX {
        return Err(JournalError::TooLong(path.into()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use squall_wire::identity::{BootId, ProcessIdentity};

    fn receipt(id: &str) -> Receipt {
        Receipt {
            v: 1,
            id: id.into(),
            run: "r".into(),
            injection: "i".into(),
            fault: "process.pause".into(),
            target: "t".into(),
            process: ProcessIdentity { pid: 1, start_ticks: 2 },
            boot: BootId("b".into()),
            at_unix_ms: 0,
            undo: serde_json::json!({}),
        }
    }

    #[test]
    fn what_is_not_there_is_taken_by_nobody_and_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("state");
        assert!(Journal::take_existing(&gone).unwrap().is_none());
        assert!(!gone.exists(), "the folder of an agent that ended stays away");
        std::fs::create_dir(&gone).unwrap();
        assert!(Journal::take_existing(&gone).unwrap().is_none());
        assert_eq!(std::fs::read_dir(&gone).unwrap().count(), 0);
        let (mut journal, _) = Journal::take(&gone).unwrap();
        journal.open(&receipt("a")).unwrap();
        assert!(matches!(Journal::take_existing(&gone), Err(JournalError::Held(_))));
        drop(journal);
        for lock_is_there in [true, false] {
            if !lock_is_there {
                std::fs::remove_file(gone.join("lock")).unwrap();
            }
            let (_journal, found) = Journal::take_existing(&gone).unwrap().unwrap();
            assert_eq!(found.open, [receipt("a")], "lock: {lock_is_there}");
        }
    }

    #[test]
    fn what_was_opened_and_not_closed_is_found_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::take(dir.path()).unwrap();
        journal.open(&receipt("a")).unwrap();
        journal.open(&receipt("b")).unwrap();
        journal.close("a", "agent", 0).unwrap();
        assert_eq!(peek(dir.path()).unwrap().open, [receipt("b")]);
        drop(journal);
        let (_journal, found) = Journal::take(dir.path()).unwrap();
        assert_eq!(found.open, [receipt("b")]);
    }

    /// A disk that counts how often it was waited for, and may be full.
    #[derive(Default)]
    struct Counting {
        content: Vec<u8>,
        syncs: usize,
        full: bool,
    }

    impl Storage for Counting {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let taken = if self.full { bytes.len() / 2 } else { bytes.len() };
            self.content.extend(&bytes[..taken]);
            if self.full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            self.syncs += 1;
            Ok(())
        }

        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            self.content.truncate(bytes as usize);
            Ok(())
        }
    }

    #[test]
    fn receipts_that_come_together_are_waited_for_once_and_are_all_there_or_none() {
        let (mut journal, _) = Journal::over(Counting::default(), b"").unwrap();
        let (a, b, c) = (receipt("a"), receipt("b"), receipt("c"));
        journal.open_all(&[&a, &b]).unwrap();
        assert_eq!(journal.storage.syncs, 1);
        journal.storage.full = true;
        assert!(journal.open_all(&[&c, &receipt("d")]).is_err());
        journal.storage.full = false;
        journal.open(&c).unwrap();
        let found = replay(&journal.storage.content);
        assert_eq!(found.open, [a, b, c]);
        assert!(found.damaged.is_empty());
    }

    #[test]
    fn two_never_share_it() {
        let dir = tempfile::tempdir().unwrap();
        let (_held, _) = Journal::take(dir.path()).unwrap();
        assert!(matches!(Journal::take(dir.path()), Err(JournalError::Held(_))));
    }

    #[test]
    fn a_torn_tail_is_cut_before_the_next_line() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::take(dir.path()).unwrap();
        journal.open(&receipt("a")).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(file_of(dir.path())).unwrap();
        file.write_all(b"00000000 40 {\"open").unwrap();
        let (mut journal, found) = Journal::take(dir.path()).unwrap();
        assert_eq!(found.open.len(), 1);
        journal.open(&receipt("b")).unwrap();
        let again = peek(dir.path()).unwrap();
        assert_eq!(again.open, [receipt("a"), receipt("b")]);
        assert!(again.damaged.is_empty());
    }

    #[test]
    fn a_long_journal_is_emptied_once_all_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::take(dir.path()).unwrap();
        journal.open(&receipt("keep")).unwrap();
        while journal.bytes <= COMPACT_BYTES {
            journal.append(&[Entry::Open(receipt("a"))], false).unwrap();
            journal.close("a", "agent", 0).unwrap();
        }
        assert_eq!(peek(dir.path()).unwrap().open, [receipt("keep")]);
        journal.close("keep", "agent", 0).unwrap();
        assert_eq!(std::fs::metadata(file_of(dir.path())).unwrap().len(), 0);
    }
}
