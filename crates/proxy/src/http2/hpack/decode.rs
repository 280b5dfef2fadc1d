//! Reads header blocks.

use bytes::Bytes;

use super::{
    Field, huffman,
    table::{ENTRY, Table},
};

/// The longest list of headers that is read, counted as the standard counts it. Go's servers and
/// clients refuse longer ones.
const MAX_LIST: usize = 1 << 20;

/// Follows the blocks of one sender.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    table: Table,
    text: Vec<u8>,
}

/// What a block says, and what it does to the table of its receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) list: Vec<Field>,
    /// Whether a receiver that did not read it would misread later ones.
    pub(crate) changes_table: bool,
    /// The new size of the table, where the block begins with one.
    pub(crate) table_size: Option<usize>,
}

impl Decoder {
    /// Reads a whole block; `None` when it is not one, or beyond the limits. After that the
    /// decoder knows nothing of this sender any more.
    pub(crate) fn decode(&mut self, block: &[u8]) -> Option<Fields> {
        let mut fields = Fields::default();
        let mut rest = block;
        let mut size = 0;
        while let Some(&first) = rest.first() {
            let field = if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                let (name, value) = self.table.get(index)?;
                Field { name, value, sensitive: false }
            } else if first & 0xe0 == 0x20 {
                // A size comes first or not at all.
                if !fields.list.is_empty() {
                    return None;
                }
                let size = integer(&mut rest, 5)?;
                self.table.resize(size)?;
                fields.changes_table = true;
                fields.table_size = Some(size);
                continue;
            } else {
                let inserts = first & 0x40 != 0;
                let index = integer(&mut rest, if inserts { 6 } else { 4 })?;
                let name = match index {
                    0 => self.string(&mut rest)?,
                    _ => self.table.get(index)?.0,
                };
                let value = self.string(&mut rest)?;
                if inserts {
                    self.table.insert(name.clone(), value.clone());
                    fields.changes_table = true;
                }
                Field { name, value, sensitive: first & 0xf0 == 0x10 }
            };
            size += field.name.len() + field.value.len() + ENTRY;
            if size > MAX_LIST {
                return None;
            }
            fields.list.push(field);
        }
        Some(fields)
    }

    fn string(&mut self, rest: &mut &[u8]) -> Option<Bytes> {
        let coded = rest.first()? & 0x80 != 0;
        let length = integer(rest, 7)?;
        let (string, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        if !coded {
            return Some(Bytes::copy_from_slice(string));
        }
        self.text.clear();
        huffman::decode(string, &mut self.text)?;
        Some(Bytes::copy_from_slice(&self.text))
    }
}

/// Reads a number that begins in the low bits of the first byte.
fn integer(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let (&first, mut behind) = rest.split_first()?;
    let mask = (1_usize << bits) - 1;
    let mut value = usize::from(first) & mask;
    if value == mask {
        let mut shift = 0;
        loop {
            let (&byte, more) = behind.split_first()?;
            behind = more;
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            // Nothing here is longer than the 28 bits read so far.
            if shift > 21 {
                return None;
            }
        }
    }
    *rest = behind;
    Some(value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn list(fields: &Fields) -> Vec<(String, String)> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        fields.list.iter().map(|field| (text(&field.name), text(&field.value))).collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn requests_of_the_standard() {
        // RFC 7541, C.4: three requests on one connection.
        let mut decoder = Decoder::default();
        let first = decoder.decode(&hex("828684418cf1e3c2e5f23a6ba0ab90f4ff")).unwrap();
        assert!(first.changes_table);
        assert_eq!(list(&first)[3], (":authority".to_owned(), "www.example.com".to_owned()));
        let second = decoder.decode(&hex("828684be5886a8eb10649cbf")).unwrap();
        assert_eq!(
            list(&second)[3..],
            [
                (":authority".to_owned(), "www.example.com".to_owned()),
                ("cache-control".to_owned(), "no-cache".to_owned()),
            ]
        );
        let third = hex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf");
        let third = decoder.decode(&third).unwrap();
        assert_eq!(list(&third)[4], ("custom-key".to_owned(), "custom-value".to_owned()));
        let indexed = decoder.decode(&hex("8286")).unwrap();
        assert!(!indexed.changes_table);
    }

    #[test]
    fn a_size_evicts_and_an_evicted_entry_is_unknown() {
        let mut decoder = Decoder::default();
        decoder.decode(&hex("400161016240016301640f0d0131")).unwrap();
        assert_eq!(list(&decoder.decode(&[0xbe, 0xbf]).unwrap())[1].0, "a");
        let sized = decoder.decode(&[0x3f, 0x09, 0xbe]).unwrap();
        assert_eq!(
            (sized.table_size, list(&sized).len(), sized.changes_table),
            (Some(40), 1, true)
        );
        assert_eq!(decoder.decode(&[0xbf]), None);
        assert_eq!(Decoder::default().decode(&[0x82, 0x20]), None, "a size comes first");
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused() {
        let refused = |block: &[u8]| assert_eq!(Decoder::default().decode(block), None);
        refused(&[0x80]);
        refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        refused(&[0x3f, 0xff, 0xff, 0xff, 0x7f]);
        refused(&[0x40, 0x01]);
        refused(&[0xbe]);
        // A small block that stands for a large list: one entry of 4,000 bytes, 300 times.
        let mut bomb = vec![0x40, 0x01, b'a', 0x7f, 0xa1, 0x1e];
        bomb.extend([b'x'; 4_000]);
        bomb.extend([0xbe; 300]);
        refused(&bomb);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4),
        ) {
            let mut decoder = Decoder::default();
            for block in blocks {
                let _ = decoder.decode(&block);
            }
        }
    }
}
