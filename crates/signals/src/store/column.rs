//! Owns one series' samples in chunks, the newest chunk still growing.

use squall_query::{Labels, Sample};

use super::bits::Bits;
use super::codec::{Coder, Decoded};

/// Samples of one sealed chunk: half an hour at the usual fifteen seconds. A read starts at a chunk's
/// beginning, and the oldest samples go a chunk at a time.
pub(super) const CHUNK_SAMPLES: u32 = 120;

/// Room for the samples of a read, before it has to grow.
const READ_SAMPLES: usize = 32;

/// One series.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) labels: Labels,
    pub(super) created_ms: Option<i64>,
    /// The newest sample, which appends and ends ask for.
    pub(super) newest: Sample,
    sealed: Vec<Chunk>,
    open: Open,
}

#[derive(Debug)]
struct Chunk {
    first_ms: i64,
    bytes: Box<[u8]>,
}

#[derive(Debug)]
struct Open {
    first_ms: i64,
    count: u32,
    coder: Coder,
    bits: Bits,
}

impl Column {
    pub(super) fn new(labels: Labels, first: Sample) -> Column {
        Column {
            labels,
            created_ms: None,
            newest: first,
            sealed: Vec::new(),
            open: Open::new(first),
        }
    }

    /// Appends a sample that is later than the newest one.
    pub(super) fn push(&mut self, sample: Sample) {
        self.newest = sample;
        if self.open.count < CHUNK_SAMPLES {
            self.open.coder.put(sample, &mut self.open.bits);
            self.open.count += 1;
            return;
        }
        let full = std::mem::replace(&mut self.open, Open::new(sample));
        let Open { first_ms, mut bits, .. } = full;
        self.sealed.reserve_exact(1);
        self.sealed.push(Chunk { first_ms, bytes: bits.take() });
    }

    /// Drops whole chunks whose samples are all older, and returns how many samples went. The
    /// column itself is to be dropped where its newest sample is older.
    pub(super) fn forget(&mut self, oldest_ms: i64) -> usize {
        let ends = self.sealed.iter().skip(1).map(|chunk| chunk.first_ms);
        let ends = ends.chain(std::iter::once(self.open.first_ms));
        // A chunk's last sample is older than the next chunk's first one.
        let old = ends.take_while(|next_ms| *next_ms <= oldest_ms).count().min(self.sealed.len());
        self.sealed.drain(..old).count() * CHUNK_SAMPLES as usize
    }

    /// Returns the number of samples.
    pub(super) fn len(&self) -> usize {
        self.sealed.len() * CHUNK_SAMPLES as usize + self.open.count as usize
    }

    /// Returns the samples with `start_ms <= t <= end_ms`.
    pub(super) fn between(&self, start_ms: i64, end_ms: i64) -> Vec<Sample> {
        // Most reads are a window's worth of the newest chunk.
        let mut out = Vec::with_capacity(READ_SAMPLES);
        self.read(start_ms, end_ms, &mut out);
        out
    }

    /// As [`Column::between`], to the end of a list.
    pub(super) fn read(&self, start_ms: i64, end_ms: i64, out: &mut Vec<Sample>) {
        let begins = |at: usize| self.sealed.get(at).map_or(self.open.first_ms, |c| c.first_ms);
        for (at, chunk) in self.sealed.iter().enumerate() {
            if chunk.first_ms <= end_ms && begins(at + 1) > start_ms {
                let chunk = Decoded::new(&chunk.bytes, chunk.first_ms, CHUNK_SAMPLES);
                take(chunk, start_ms, end_ms, out);
            }
        }
        if self.open.first_ms <= end_ms && self.newest.t_ms >= start_ms {
            if self.newest.t_ms <= end_ms && self.open.count == 1 {
                out.push(self.newest);
            } else {
                let (first_ms, count) = (self.open.first_ms, self.open.count);
                let open = Decoded::new(self.open.bits.bytes(), first_ms, count);
                take(open, start_ms, end_ms, out);
            }
        }
    }

    /// Returns the bytes that the samples take, with all that is kept to read and append them.
    pub(super) fn sample_bytes(&self) -> usize {
        let chunks: usize = self.sealed.iter().map(|chunk| chunk.bytes.len()).sum();
        let chunk_heads = self.sealed.capacity() * size_of::<Chunk>();
        chunks + chunk_heads + self.open.bits.allocated() + size_of::<Column>()
            - size_of::<Labels>()
    }
}

fn take(samples: Decoded<'_>, start_ms: i64, end_ms: i64, out: &mut Vec<Sample>) {
    for sample in samples {
        if sample.t_ms > end_ms {
            return;
        }
        if sample.t_ms >= start_ms {
            out.push(sample);
        }
    }
}

impl Open {
    fn new(first: Sample) -> Open {
        let mut bits = Bits::default();
        let coder = Coder::start(first, &mut bits);
        Open { first_ms: first.t_ms, count: 1, coder, bits }
    }
}
