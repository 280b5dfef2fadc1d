//! Reads and writes a file without a name at two rates, past the page cache where the file system
//! can; what the disk did not give is made up for.

use crate::sys::clock;
use crate::sys::unnamed;
use crate::sys::worker::{Counter, Leash};
use crate::values::Checked;
use rustix::fs::OFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

/// The file that is read and written round and round.
pub(super) const FILE_BYTES: u64 = 64 << 20;
/// Counters: for how long, and how much.
pub(super) const AGE_US: &str = "age-us";
pub(super) const READ: &str = "read";
pub(super) const WRITTEN: &str = "written";

/// One request to the disk, aligned as reading past the cache wants it.
const BLOCK_BYTES: usize = 128 << 10;
const ALIGNMENT: usize = 4096;
/// The longest sleep between two rounds.
const SLEEP_NS_MAX: u64 = 5_000_000;
/// What could not be done in this time is not made up for any more.
const DEBT_NS_MAX: u64 = 200_000_000;

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    pub(super) read: u64,
    pub(super) write: u64,
}

impl Rates {
    pub(super) fn of(values: &Checked) -> Rates {
        let rate = |key: &str| {
            values.byte_rate(key).map_or(0, |rate| rate.bytes_per_second().round() as u64)
        };
        Rates { read: rate("read"), write: rate("write") }
    }

    pub(super) fn words(self) -> Vec<String> {
        vec![self.read.to_string(), self.write.to_string()]
    }

    pub(super) fn parse(words: &[String]) -> Option<Rates> {
        let [read, write] = words else { return None };
        let rates = Rates { read: read.parse().ok()?, write: write.parse().ok()? };
        (rates.read + rates.write > 0).then_some(rates)
    }
}

/// Memory at an address that is a multiple of the alignment.
struct Block {
    bytes: Vec<u8>,
    at: usize,
}

impl Block {
    fn new() -> Block {
        let bytes = vec![0xA5; BLOCK_BYTES + ALIGNMENT];
        let at = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Block { bytes, at }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..self.at + BLOCK_BYTES]
    }
}

/// Works until the lease ends.
pub(super) fn run(pid: u32, path: &str, rates: Rates, leash: &Leash) -> io::Result<()> {
    let folder = unnamed::folder(pid, path)?;
    // Not every file system reads past the cache; then what is written is synced instead.
    let (file, direct) = match unnamed::create(&folder, OFlags::DIRECT) {
        Ok(file) => (file, true),
        Err(_) => (unnamed::create(&folder, OFlags::empty())?, false),
    };
    let mut block = Block::new();
    let mut at = 0;
    while at < FILE_BYTES && !leash.ended() {
        file.write_all_at(block.bytes(), at)?;
        at += BLOCK_BYTES as u64;
    }
    let [age, read, written] = [AGE_US, READ, WRITTEN].map(Counter::new);
    let (age, read, written) = (age?, read?, written?);
    let start_ns = clock::monotonic_ns();
    let (mut reads, mut writes) = (Done::new(rates.read), Done::new(rates.write));
    while !leash.ended() {
        let age_ns = clock::monotonic_ns() - start_ns;
        let mut idle = true;
        if reads.is_due(age_ns) {
            file.read_exact_at(block.bytes(), reads.next())?;
            read.set(reads.bytes);
            idle = false;
        }
        if writes.is_due(age_ns) {
            write(&file, block.bytes(), writes.next(), direct)?;
            written.set(writes.bytes);
            idle = false;
        }
        age.set((clock::monotonic_ns() - start_ns) / 1_000);
        if idle {
            let wait_ns = reads.wait_ns(age_ns).min(writes.wait_ns(age_ns)).min(SLEEP_NS_MAX);
            thread::sleep(Duration::from_nanos(wait_ns.max(50_000)));
        }
    }
    Ok(())
}

fn write(file: &File, block: &[u8], at: u64, direct: bool) -> io::Result<()> {
    file.write_all_at(block, at)?;
    if direct { Ok(()) } else { file.sync_data() }
}

/// How far one direction is.
struct Done {
    rate: u64,
    bytes: u64,
    forgiven: u64,
}

impl Done {
    fn new(rate: u64) -> Done {
        Done { rate, bytes: 0, forgiven: 0 }
    }

    /// True where the next request is due; what is too old to be made up for is forgiven.
    fn is_due(&mut self, age_ns: u64) -> bool {
        if self.rate == 0 {
            return false;
        }
        let in_time = |ns: u64| (u128::from(self.rate) * u128::from(ns) / 1_000_000_000) as u64;
        let wanted = in_time(age_ns).saturating_sub(self.forgiven);
        let behind = wanted.saturating_sub(self.bytes);
        self.forgiven += behind.saturating_sub(in_time(DEBT_NS_MAX).max(BLOCK_BYTES as u64));
        behind > 0
    }

    /// Where the next request goes; it counts as done.
    fn next(&mut self) -> u64 {
        let at = self.bytes % FILE_BYTES;
        self.bytes += BLOCK_BYTES as u64;
        at
    }

    fn wait_ns(&self, age_ns: u64) -> u64 {
        if self.rate == 0 {
            return u64::MAX;
        }
        let due = u128::from(self.bytes + self.forgiven) * 1_000_000_000 / u128::from(self.rate);
        u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(age_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_back_and_nonsense_is_none() {
        let rates = Rates { read: 5, write: 0 };
        assert_eq!(Rates::parse(&rates.words()), Some(rates));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["0 0", "1", "x 1", "1 1 1"] {
            assert_eq!(Rates::parse(&words(bad)), None, "{bad}");
        }
    }

    #[test]
    fn requests_come_at_their_rate_and_old_ones_are_forgiven() {
        let second = 1_000_000_000;
        let mut done = Done::new(10 * BLOCK_BYTES as u64);
        assert!(!done.is_due(0) && done.is_due(second / 100));
        assert_eq!((done.next(), done.next()), (0, BLOCK_BYTES as u64));
        assert!(!done.is_due(second / 5) && done.wait_ns(second / 10) == second / 10);
        // Ten seconds without a turn: a fifth of a second is made up for.
        assert!(done.is_due(10 * second));
        let mut made_up = 0;
        while done.is_due(10 * second) {
            done.next();
            made_up += 1;
        }
        assert_eq!(made_up, 2);
        assert!(!Done::new(0).is_due(second));
    }

    #[test]
    fn a_block_is_aligned() {
        assert_eq!(Block::new().bytes().as_ptr().align_offset(ALIGNMENT), 0);
    }
}
