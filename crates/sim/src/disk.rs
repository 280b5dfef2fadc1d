//! Owns a disk that lies: what was written, what of it would survive a power cut, and what goes
//! wrong. The product's own journal and recorder write to it.

use crate::mutant::Mutant;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use squall_agent::journal::Storage;
use squall_engine::recorder::Sink;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// One file on the disk, and the disk's state.
#[derive(Debug)]
pub(crate) struct Disk {
    /// What everybody reads.
    pub(crate) bytes: Vec<u8>,
    /// What is left after a power cut, at least.
    pub(crate) durable: Vec<u8>,
    /// Takes a part of what it is given, and no more.
    pub(crate) full: bool,
    /// Says that it synced, and did not.
    pub(crate) lies: bool,
    /// Fails to sync.
    pub(crate) sick: bool,
    /// True once anything of the above was the case.
    pub(crate) was_rough: bool,
    /// True while the last sync was none.
    pub(crate) lied: bool,
    rng: StdRng,
    mutant: Option<Mutant>,
    appended: u64,
}

/// A handle on it, as a process has one.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(crate) Rc<RefCell<Disk>>);

impl Handle {
    pub(crate) fn new(seed: u64, mutant: Option<Mutant>) -> Handle {
        let rng = StdRng::seed_from_u64(seed);
        Handle(Rc::new(RefCell::new(Disk {
            bytes: Vec::new(),
            durable: Vec::new(),
            full: false,
            lies: false,
            sick: false,
            was_rough: false,
            lied: false,
            rng,
            mutant,
            appended: 0,
        })))
    }

    /// What stands in the file now.
    pub(crate) fn content(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }
}

impl Disk {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.appended += 1;
        if !self.full {
            self.bytes.extend(bytes);
            return Ok(());
        }
        let part = self.rng.random_range(0..bytes.len());
        self.bytes.extend(&bytes[..part]);
        if self.is(Mutant::SwallowWriteError) {
            return Ok(());
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.is(Mutant::SkipSync) {
            return Ok(());
        }
        if self.sick {
            let swallowed = self.is(Mutant::SwallowSyncError);
            return if swallowed { Ok(()) } else { Err(io::Error::other("input/output error")) };
        }
        self.lied = self.lies;
        if !self.lies {
            self.durable.clone_from(&self.bytes);
        }
        Ok(())
    }

    fn cut(&mut self, bytes: u64) {
        self.bytes.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The power goes while a process writes: nobody hears whether it was done.
    pub(crate) fn power_cut(&mut self) {
        if self.bytes.starts_with(&self.durable) {
            let more = self.bytes.len() - self.durable.len();
            let kept = self.durable.len() + self.rng.random_range(0..=more);
            self.bytes.truncate(kept);
            if kept > self.durable.len() && self.rng.random_bool(0.25) {
                // The length was on disk before the bytes were.
                let zeros = self.rng.random_range(1..=kept - self.durable.len());
                self.bytes[kept - zeros..].fill(0);
            }
        } else if self.rng.random_bool(0.5) {
            self.bytes.clone_from(&self.durable);
        }
        self.durable.clone_from(&self.bytes);
    }

    /// A process is killed inside a write.
    pub(crate) fn tear(&mut self, bytes: &[u8]) {
        let part = self.rng.random_range(0..=bytes.len());
        self.bytes.extend(&bytes[..part]);
    }
}

impl Storage for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.borrow_mut().sync()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        if !disk.is(Mutant::AcceptTornTail) {
            disk.cut(bytes);
        }
        Ok(())
    }
}

/// The record of a run.
#[derive(Debug, Clone)]
pub(crate) struct RecordFile(pub(crate) Handle);

impl Sink for RecordFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.0.borrow_mut();
        if disk.is(Mutant::LoseRecordLine) && disk.appended % 5 == 4 {
            disk.appended += 1;
            return Ok(());
        }
        disk.append(bytes)
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.0.borrow_mut().cut(bytes);
        Ok(())
    }
}
