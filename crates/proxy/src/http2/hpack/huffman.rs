//! The Huffman code of HPACK strings (RFC 7541, appendix B). The code is canonical: codes of one
//! length follow each other in the order of their symbols, so its lengths say everything.

use std::sync::LazyLock;

/// How many bits the code of each byte has; the last one is of the end of a string.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const SYMBOLS: usize = 257;
const END: u16 = 256;
const LONGEST: u8 = 30;

/// All codes of one length.
struct Group {
    length: u8,
    /// The first code behind them, its bits moved to the top of a word.
    limit: u64,
    first_code: u64,
    first_symbol: usize,
}

struct Code {
    groups: Vec<Group>,
    /// Symbols by the length of their code, then by value.
    symbols: Vec<u16>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut code = Code { groups: Vec::new(), symbols: Vec::with_capacity(SYMBOLS) };
    let mut next = 0_u64;
    for length in 1..=LONGEST {
        next <<= 1;
        let (first_code, first_symbol) = (next, code.symbols.len());
        let of_length = (0..=END).filter(|&symbol| LENGTHS[usize::from(symbol)] == length);
        code.symbols.extend(of_length);
        next += (code.symbols.len() - first_symbol) as u64;
        if code.symbols.len() > first_symbol {
            let limit = next << (64 - u32::from(length));
            code.groups.push(Group { length, limit, first_code, first_symbol });
        }
    }
    // The one code of all ones is the last: its limit lies beyond the word.
    if let Some(last) = code.groups.last_mut() {
        last.limit = u64::MAX;
    }
    code
});

/// Appends the text of a coded string; `None` when it is not one.
pub(super) fn decode(coded: &[u8], into: &mut Vec<u8>) -> Option<()> {
    let (mut bits, mut count) = (0_u64, 0_u8);
    let mut rest = coded;
    loop {
        while count <= 56 {
            let Some((&byte, behind)) = rest.split_first() else { break };
            bits |= u64::from(byte) << (56 - count);
            count += 8;
            rest = behind;
        }
        if count == 0 {
            return Some(());
        }
        let group = CODE.groups.iter().find(|group| bits < group.limit);
        let Some(group) = group.filter(|group| group.length <= count) else {
            // What is left is the start of the longest code, and less than a byte of it.
            let ones = !0_u64 << (64 - count);
            return (count < 8 && bits == ones).then_some(());
        };
        let offset = (bits >> (64 - group.length)) - group.first_code;
        let symbol = CODE.symbols[group.first_symbol + usize::try_from(offset).ok()?];
        into.push(u8::try_from(symbol).ok()?);
        bits <<= group.length;
        count -= group.length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes, as the other side would.
    fn encode(text: &[u8]) -> Vec<u8> {
        let code_of = |symbol: u16| {
            let length = LENGTHS[usize::from(symbol)];
            let group = CODE.groups.iter().find(|group| group.length == length)?;
            let behind = CODE.symbols[group.first_symbol..].iter();
            let at = behind.take_while(|&&other| other != symbol).count() as u64;
            Some((group.first_code + at, length))
        };
        let (mut coded, mut bits, mut count) = (Vec::new(), 0_u64, 0);
        for (code, length) in text.iter().filter_map(|&byte| code_of(u16::from(byte))) {
            bits = bits << length | code;
            count += length;
            while count >= 8 {
                coded.push((bits >> (count - 8)) as u8);
                count -= 8;
            }
        }
        if count > 0 {
            coded.push((bits << (8 - count)) as u8 | (0xff >> count));
        }
        coded
    }

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        decode(coded, &mut text).map(|()| text)
    }

    #[test]
    fn the_examples_of_the_standard() {
        let example = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decoded(&example).as_deref(), Some(&b"www.example.com"[..]));
        assert_eq!(
            decoded(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).as_deref(),
            Some(&b"no-cache"[..])
        );
        assert_eq!(encode(b"www.example.com"), example);
    }

    #[test]
    fn padding_is_the_start_of_the_longest_code_and_less_than_a_byte() {
        assert_eq!(decoded(&[]), Some(Vec::new()));
        assert_eq!(decoded(&[0b0001_1111]), Some(b"a".to_vec()));
        assert_eq!(decoded(&[0b0001_1110]), None);
        assert_eq!(decoded(&[0b0001_1111, 0xff]), None);
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), None, "the end is no text");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decoded(&encode(&text)), Some(text));
        }

        #[test]
        fn no_bytes_make_it_panic(coded in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decoded(&coded);
        }
    }
}
