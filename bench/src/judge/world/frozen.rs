//! Owns the proof that the generator is as it was frozen.

use super::*;

/// FNV-1a over everything that is observed and true of one seed of each family.
fn hash(families: &[Family]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |number: i64| {
        for byte in number.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for family in families {
        for seed in [11] {
            let scenario = draw(seed, *family, None);
            let truth = Truth::of(&scenario);
            let observed = observe(&scenario, &truth.full);
            add(observed.map.len() as i64);
            for series in &observed.series {
                for (at_ms, value) in series.errors.iter().chain(&series.latency_s) {
                    // Coarse enough for another machine's rounding of `exp`.
                    add(at_ms + value.map_or(-1, |v| (v * 1e4).round() as i64));
                }
            }
            for rule in &observed.rules {
                rule.counts.iter().for_each(|(_, c)| add(c.map_or(-1, |c| c.1 as i64)));
            }
            for rule in 0..observed.rules.len() {
                let label = truth.label(rule, 60, 150);
                label.causes.iter().for_each(|cause| add(*cause as i64));
            }
        }
    }
    hash
}

#[test]
fn the_generator_is_as_it_was_before_the_estimator_was_written() {
    let hashes = (hash(&Family::DEVELOPMENT), hash(&Family::HELD_OUT));
    assert_eq!(hashes, (12_071_055_767_923_971_286, 9043430605175247565));
}
