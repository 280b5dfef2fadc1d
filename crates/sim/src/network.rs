//! Owns what the network between engine and agent does to a message: it arrives late, twice,
//! after a later one, or never.

use crate::trouble::{MS, SECOND};
use rand::RngExt;
use rand::rngs::StdRng;

/// The network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) slow_until_ns: u64,
    pub(crate) bad_until_ns: u64,
    pub(crate) parted_until_ns: u64,
    /// When the last message of each direction arrives, as long as none overtakes another.
    last_ns: [u64; 2],
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToAgent,
    ToEngine,
}

impl Network {
    /// When the copies of a message arrive; none where it is lost.
    pub(crate) fn send(&mut self, way: Way, now_ns: u64, rng: &mut StdRng) -> Vec<u64> {
        if now_ns < self.parted_until_ns {
            return Vec::new();
        }
        let delay_ns = self.delay_ns(now_ns, rng);
        if now_ns < self.bad_until_ns {
            let copies = [0, 1, 1, 1, 2][rng.random_range(0..5)];
            return (0..copies).map(|_| now_ns + rng.random_range(MS / 20..200 * MS)).collect();
        }
        let last_ns = &mut self.last_ns[way as usize];
        *last_ns = (now_ns + delay_ns).max(*last_ns);
        vec![*last_ns]
    }

    /// When a side hears that a connection is gone.
    pub(crate) fn hears_ns(&mut self, now_ns: u64, rng: &mut StdRng) -> u64 {
        now_ns.max(self.parted_until_ns) + self.delay_ns(now_ns, rng)
    }

    /// A new connection knows nothing of the messages of an old one.
    pub(crate) fn anew(&mut self) {
        self.last_ns = [0, 0];
    }

    fn delay_ns(&self, now_ns: u64, rng: &mut StdRng) -> u64 {
        let most = if now_ns < self.slow_until_ns { SECOND } else { 2 * MS };
        rng.random_range(MS / 20..most)
    }
}
