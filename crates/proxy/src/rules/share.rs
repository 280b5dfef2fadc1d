//! Which of the requests that fit are hit.

use rand::{Rng, RngExt};

use super::matcher::Request;

/// A share of the requests that fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// How many, 0 to 1.
    pub of: f64,
    /// The header that carries an id of the request. Where it is there, the id decides and not
    /// the dice: the same id is hit again when it is repeated, in every run and on every service
    /// it reaches, and a larger share hits all that a smaller one did. Of a `traceparent` the
    /// trace id counts. A request without it is left to the dice.
    pub by: Option<String>,
}

impl Share {
    /// Every request that fits.
    pub const ALL: Share = Share { of: 1.0, by: None };

    /// A random share.
    #[must_use]
    pub fn random(of: f64) -> Share {
        Share { of, by: None }
    }

    /// Tells whether a request is hit.
    pub(super) fn hits(&self, request: &Request<'_>, dice: &mut impl Rng) -> bool {
        let id = self.by.as_ref().and_then(|name| hash_of_id(request, name));
        let roll = match id {
            // The 53 bits that a float can tell apart.
            Some(hash) => (hash >> 11) as f64 / (1_u64 << 53) as f64,
            None => dice.random::<f64>(),
        };
        roll < self.of
    }
}

fn hash_of_id(request: &Request<'_>, name: &str) -> Option<u64> {
    let mut hash = None;
    (request.headers)(&mut |one, value| {
        if hash.is_none() && one.eq_ignore_ascii_case(name) {
            let id = if name.eq_ignore_ascii_case("traceparent") {
                value.split(|&byte| byte == b'-').nth(1).unwrap_or_default()
            } else {
                value
            };
            hash = (!id.is_empty()).then(|| spread(id));
        }
    });
    hash
}

/// Hashes an id: FNV-1a, then a mix that lets every bit of it reach the high ones. It is written
/// out because it must be the same in every build: a library's may change with its version.
fn spread(id: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in id {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn hits(share: &Share, name: &str, value: &str, dice: &mut StdRng) -> bool {
        let visit = |each: &mut dyn FnMut(&str, &[u8])| each(name, value.as_bytes());
        share.hits(&Request { method: "GET", path: "/", headers: &visit }, dice)
    }

    #[test]
    fn an_id_is_hit_always_or_never() {
        let mut dice = StdRng::seed_from_u64(1);
        let share = |of| Share { of, by: Some("x-request-id".to_owned()) };
        let mut hit = 0;
        for n in 0..10_000 {
            let id = format!("req-{n}");
            let first = hits(&share(0.1), "X-Request-Id", &id, &mut dice);
            assert_eq!(hits(&share(0.1), "X-Request-Id", &id, &mut dice), first);
            assert!(!first || hits(&share(0.2), "X-Request-Id", &id, &mut dice));
            hit += u32::from(first);
        }
        // Four standard deviations of a binomial share.
        assert!((880..=1_120).contains(&hit), "{hit}");
    }

    #[test]
    fn a_trace_decides_by_its_id_alone() {
        let mut dice = StdRng::seed_from_u64(1);
        let share = Share { of: 0.5, by: Some("traceparent".to_owned()) };
        for n in 0..200 {
            let trace = format!("{n:032x}");
            let first = hits(&share, "traceparent", &format!("00-{trace}-{n:016x}-01"), &mut dice);
            let again = hits(&share, "traceparent", &format!("00-{trace}-00ff-00"), &mut dice);
            assert_eq!(first, again);
        }
    }

    #[test]
    fn a_request_without_an_id_is_left_to_the_dice() {
        let mut dice = StdRng::seed_from_u64(1);
        let share = Share { of: 0.5, by: Some("x-request-id".to_owned()) };
        let hit = (0..1_000).filter(|_| hits(&share, "x-other", "same", &mut dice)).count();
        assert!((430..=570).contains(&hit), "{hit}");
        assert!((0..100).all(|_| hits(&Share::ALL, "a", "b", &mut dice)));
        assert!((0..100).all(|_| !hits(&Share::random(0.0), "a", "b", &mut dice)));
    }

    #[test]
    fn the_hash_is_the_same_in_every_build() {
        assert_eq!(spread(b"req-1"), spread(b"req-1"));
        assert_eq!(spread(b""), 0xf52a_15e9_a9b5_e89b);
    }
}
