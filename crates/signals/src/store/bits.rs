//! Owns reading and writing numbers of any width, one bit after the other.

/// A growing run of bits.
#[derive(Debug, Default, Clone)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// The bits of the last byte that are in use, 1 to 8; zero while there is no byte.
    used: u8,
}

/// The bytes a run grows by; doubling would leave half of it empty.
const GROWTH_BYTES: usize = 32;

impl Bits {
    /// Appends the lowest `width` bits of a number, the highest of them first.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        let mut left = width;
        while left > 0 {
            if self.used == 8 || self.bytes.is_empty() {
                if self.bytes.len() == self.bytes.capacity() {
                    self.bytes.reserve_exact(GROWTH_BYTES);
                }
                self.bytes.push(0);
                self.used = 0;
            }
            let room = 8 - u32::from(self.used);
            let take = room.min(left);
            left -= take;
            let chunk = (value >> left) as u8 & (0xff_u16 >> (8 - take)) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= chunk << (room - take);
            }
            self.used += take as u8;
        }
    }

    /// Returns the bytes, the last one filled with zeros.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes that are allocated.
    pub(super) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the bytes and starts anew.
    pub(super) fn take(&mut self) -> Box<[u8]> {
        self.used = 0;
        std::mem::take(&mut self.bytes).into_boxed_slice()
    }
}

/// A place in a run of bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Returns the next 56 bits or more, the first of them highest; zeros beyond the end.
    #[inline]
    fn peek(&self) -> u64 {
        let byte = self.at / 8;
        let word = match self.bytes.get(byte..byte + 8).and_then(|b| b.try_into().ok()) {
            Some(eight) => u64::from_be_bytes(eight),
            None => {
                let mut eight = [0; 8];
                let rest = self.bytes.get(byte..).unwrap_or_default();
                let len = rest.len().min(8);
                eight[..len].copy_from_slice(&rest[..len]);
                u64::from_be_bytes(eight)
            }
        };
        word << (self.at % 8)
    }

    /// Takes a number of so many bits.
    #[inline]
    pub(super) fn get(&mut self, width: u32) -> u64 {
        if width == 0 {
            return 0;
        }
        if width > 56 {
            let high = self.get(width - 32);
            return high << 32 | self.get(32);
        }
        let value = self.peek() >> (64 - width);
        self.at += width as usize;
        value
    }

    /// Takes ones up to a zero and then a number of so many bits; with `most` ones, that go alone,
    /// there is no number. A look at the bits reaches as far as both.
    #[inline]
    pub(super) fn ones_and(&mut self, most: u32, width: u32) -> (u32, Option<u64>) {
        let word = self.peek();
        let ones = word.leading_ones().min(most);
        if ones == most {
            self.at += ones as usize;
            return (ones, None);
        }
        self.at += (ones + 1 + width) as usize;
        let rest = word << (ones + 1);
        (ones, Some(rest.checked_shr(64 - width).unwrap_or(0)))
    }
}
