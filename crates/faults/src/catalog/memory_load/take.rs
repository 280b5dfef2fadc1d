//! Takes memory step by step: each page is written once and never looked at again.

use crate::sys::clock;
use crate::values::Checked;
use std::fs;
use std::thread;
use std::time::Duration;

/// The smallest page there is; a larger one is written more than once, which costs nothing.
const PAGE_BYTES: usize = 4096;

/// How much is taken, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ballast {
    /// In the end, in bytes.
    pub(crate) size: u64,
    /// At once, in bytes.
    pub(crate) step: u64,
    /// From one step to the next.
    pub(crate) interval: Duration,
    /// What the host keeps, in bytes.
    pub(crate) reserve: u64,
}

impl Ballast {
    pub(crate) fn of(values: &Checked) -> Ballast {
        let bytes = |key: &str| values.bytes(key).unwrap_or(0);
        let (size, step) = (bytes("size"), bytes("step"));
        let interval = values.duration("interval");
        Ballast { size, step: step.min(size), interval, reserve: bytes("reserve") }
    }

    pub(crate) fn words(self) -> Vec<String> {
        let interval_ns = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        [self.size, self.step, interval_ns, self.reserve].map(|word| word.to_string()).to_vec()
    }

    pub(crate) fn parse(words: &[String]) -> Option<Ballast> {
        let [size, step, interval_ns, reserve] = words else { return None };
        let (size, step): (u64, u64) = (size.parse().ok()?, step.parse().ok()?);
        let interval = Duration::from_nanos(interval_ns.parse().ok()?);
        let sound = step > 0 && step <= size;
        sound.then_some(Ballast { size, step, interval, reserve: reserve.parse().ok()? })
    }

    /// How much is wanted after so long, the first step at once.
    pub(crate) fn wanted(self, age_ns: u64) -> u64 {
        let interval_ns = self.interval.as_nanos();
        if interval_ns == 0 {
            return self.size;
        }
        let steps = u64::try_from(u128::from(age_ns) / interval_ns).unwrap_or(u64::MAX);
        steps.saturating_add(1).saturating_mul(self.step).min(self.size)
    }

    /// Takes it while it is wanted, in the given way, until the process ends. Returns early where the host's
    /// reserve would be touched: the bite shows what is missing.
    pub(crate) fn take(self, wanted: impl Fn() -> bool, mut hold: impl FnMut(u64)) {
        let start_ns = clock::monotonic_ns();
        let mut taken = 0;
        while taken < self.size && wanted() {
            if taken >= self.wanted(clock::monotonic_ns() - start_ns) {
                thread::sleep(self.interval.min(Duration::from_millis(100)));
                continue;
            }
            let next = self.step.min(self.size - taken);
            if available().is_some_and(|free| free < next.saturating_add(self.reserve)) {
                return;
            }
            hold(next);
            taken += next;
        }
    }
}

/// Takes so many bytes for as long as the process lives.
pub(crate) fn hold(bytes: u64) {
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut memory = vec![0_u8; length];
    for page in memory.chunks_mut(PAGE_BYTES) {
        // Not zero, so that no page can be shared or left out.
        page[0] = 1;
    }
    std::hint::black_box(&memory);
    std::mem::forget(memory);
}

/// What the host can still give without swapping, in bytes.
pub(crate) fn available() -> Option<u64> {
    kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// What a process holds that is its own, in bytes.
pub(crate) fn held(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // A program's own pages are some hundred KiB.
    kib(&text, "RssAnon:").unwrap_or(0)
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn ballast() -> Ballast {
        Ballast { size: 100, step: 30, interval: Duration::from_secs(1), reserve: 7 }
    }

    #[test]
    fn a_size_reads_back_and_nonsense_is_none() {
        assert_eq!(Ballast::parse(&ballast().words()), Some(ballast()));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for bad in ["1 0 1 1", "1 2 1 1", "x 1 1 1", "1 1 1", ""] {
            assert_eq!(Ballast::parse(&words(bad)), None, "{bad}");
        }
    }

    #[test]
    fn it_grows_by_steps_up_to_its_size() {
        let at = |age_ms: u64| ballast().wanted(age_ms * 1_000_000);
        assert_eq!([0, 999, 1_000, 2_500, 9_000].map(at), [30, 30, 60, 90, 100]);
        assert_eq!(Ballast { interval: Duration::ZERO, ..ballast() }.wanted(0), 100);
    }

    #[test]
    fn memory_is_measured() {
        let before = held(std::process::id());
        hold(8 << 20);
        assert!(held(std::process::id()) >= before + (7 << 20));
        assert!(available().unwrap() > 1 << 20);
    }
}
