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

/// FNV-1a over all that flows in two scenarios of each family, one of them toggled. Before pauses
/// were built into the generator and after it, the number with `f64::to_bits` was the same:
/// 8,441,581,728,589,256,753; it is kept coarser here, for other machines' rounding of `exp`.
fn flow_hash(coarse: fn(f64) -> u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bits: u64| {
        for byte in bits.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let rows = [[true, false], [false, true]].map(|pair| pair.repeat(5));
    for family in Family::DEVELOPMENT.iter().chain(&Family::HELD_OUT) {
        for rows in [None, Some(rows.as_slice())] {
            let truth = Truth::of(&draw(12, *family, rows));
            for tick in 0..truth.full.rules.len() {
                for moment in &truth.full.services[tick] {
                    let counted = [moment.requests, moment.errors];
                    counted.into_iter().for_each(&mut add);
                    add(coarse(moment.latency_s));
                    add(coarse(moment.use_share));
                }
                for calls in &truth.full.edges[tick] {
                    add(calls.attempts);
                    add(calls.failed);
                    add(coarse(calls.latency_s));
                }
                for rule in &truth.full.rules[tick] {
                    add(rule.bad);
                    add(coarse(rule.expected));
                }
            }
            for rule in 0..3 {
                let label = truth.label(rule, 60, 179);
                label.causes.iter().for_each(|cause| add(*cause as u64));
                label.but_for.iter().for_each(|share| add(coarse(*share)));
            }
        }
    }
    hash
}

#[test]
fn what_flows_without_a_pause_is_as_it_was_before_there_were_pauses() {
    assert_eq!(flow_hash(|value| (value * 1e3).round() as u64), 7_071_457_316_817_715_201);
}
