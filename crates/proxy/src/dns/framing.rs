//! Messages over TCP: each has its length before it (RFC 1035, 4.2.2).

/// Returns a message as it goes over TCP.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + message.len());
    bytes.extend((message.len() as u16).to_be_bytes());
    bytes.extend(message);
    bytes
}

/// Returns how long the first message at hand is, its length included; `None` where it is not
/// complete.
pub(super) fn first(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)))?;
    (bytes.len() >= 2 + length).then_some(2 + length)
}

/// Follows where messages end in bytes that pass.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Bytes of the length that have passed, and what they were.
    length: Vec<u8>,
    /// Bytes of the message that have not passed.
    left: usize,
}

impl Framer {
    /// Tells whether nothing has passed of the next message.
    pub(super) fn between(&self) -> bool {
        self.left == 0 && self.length.is_empty()
    }

    /// Lets bytes pass; returns the last place among them where a message ended.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut ended = None;
        let mut at = 0;
        while at < bytes.len() {
            if self.left == 0 {
                self.length.push(bytes[at]);
                at += 1;
                if let Some(length) = self.length.first_chunk() {
                    self.left = u16::from_be_bytes(*length).into();
                    self.length.clear();
                }
            } else {
                let step = self.left.min(bytes.len() - at);
                self.left -= step;
                at += step;
            }
            if self.between() {
                ended = Some(at);
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_message_is_found_when_it_is_whole() {
        assert_eq!(first(&[]), None);
        assert_eq!(first(&[0]), None);
        assert_eq!(first(&[0, 2, 1]), None);
        assert_eq!(first(&[0, 2, 1, 2, 9]), Some(4));
        assert_eq!(first(&[0, 0]), Some(2));
    }

    proptest! {
        #[test]
        fn ends_are_found_however_the_bytes_are_cut(
            messages in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..300), 0..6),
            cuts in proptest::collection::vec(1usize..200, 0..30),
        ) {
            let bytes: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let ends: Vec<usize> = messages.iter().scan(0, |at, message| {
                *at += 2 + message.len();
                Some(*at)
            }).collect();
            let mut framer = Framer::default();
            let mut at = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                let end = (at + cut).min(bytes.len());
                let found = framer.pass(&bytes[at..end]).map(|ended| at + ended);
                let expected = ends.iter().rfind(|&&one| at < one && one <= end).copied();
                prop_assert_eq!(found, expected);
                at = end;
            }
            prop_assert!(framer.between());
        }
    }
}
