//! Writes header blocks that depend on no dynamic table and change none.

use bytes::{BufMut, BytesMut};

use super::{Field, table::STATIC};

/// Appends fields, each as a literal that no table takes, or by its index in the static table.
pub(crate) fn literals<'a>(fields: impl IntoIterator<Item = &'a Field>, into: &mut BytesMut) {
    for field in fields {
        literal(field, into);
    }
}

/// Appends one field.
fn literal(field: &Field, into: &mut BytesMut) {
    let mut named = None;
    for (at, (name, value)) in STATIC.iter().enumerate() {
        if name.as_bytes() == field.name {
            if value.as_bytes() == field.value && !value.is_empty() {
                return integer(at + 1, 7, 0x80, into);
            }
            named = named.or(Some(at + 1));
        }
    }
    let kind = if field.sensitive { 0x10 } else { 0x00 };
    integer(named.unwrap_or(0), 4, kind, into);
    if named.is_none() {
        string(&field.name, into);
    }
    string(&field.value, into);
}

/// Appends a change of the size of the table.
pub(crate) fn table_size(size: usize, into: &mut BytesMut) {
    integer(size, 5, 0x20, into);
}

fn string(text: &[u8], into: &mut BytesMut) {
    integer(text.len(), 7, 0x00, into);
    into.put_slice(text);
}

fn integer(value: usize, bits: u32, kind: u8, into: &mut BytesMut) {
    let mask = (1_usize << bits) - 1;
    if value < mask {
        return into.put_u8(kind | value as u8);
    }
    into.put_u8(kind | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        into.put_u8(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    into.put_u8(rest as u8);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use proptest::prelude::*;

    use super::*;
    use crate::http2::hpack::Decoder;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_leaves_the_table_alone(
            fields in proptest::collection::vec(
                ("[a-z-]{0,8}|:path|content-type|:status", "[ -~]{0,200}|200|/", any::<bool>()),
                0..8,
            ),
        ) {
            let field = |(name, value, sensitive): (String, String, bool)| {
                Field { sensitive, ..Field::new(name, value) }
            };
            let fields: Vec<_> = fields.into_iter().map(field).collect();
            let mut block = BytesMut::new();
            table_size(100, &mut block);
            literals(&fields, &mut block);
            let read = Decoder::default().decode(&block).unwrap();
            prop_assert_eq!(read.table_size, Some(100));
            // A field of the static table is an index there, which is no secret.
            let same = read.list.iter().zip(&fields).all(|(read, written)| {
                (&read.name, &read.value) == (&written.name, &written.value)
            });
            prop_assert!(same && read.list.len() == fields.len());
            let mut plain = BytesMut::new();
            literals(&fields, &mut plain);
            prop_assert!(!Decoder::default().decode(&plain).unwrap().changes_table);
        }
    }
}
