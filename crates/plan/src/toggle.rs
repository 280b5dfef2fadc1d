//! The randomized schedule of toggled faults.

use crate::dry_run::PlannedToggle;
use squall_spec::Spec;

/// Draws the schedule; it has no injections yet.
pub(crate) fn draw(spec: &Spec, seed: u64) -> Option<PlannedToggle> {
    let repeats = *spec.toggle?.repeats;
    let mut state = seed;
    let mut chance = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let on =
        squall_judge::attribution::toggle::draw(spec.method.len(), repeats as usize, &mut chance);
    let slots = on.first().map_or(0, Vec::len);
    Some(PlannedToggle {
        repeats,
        slot_ms: spec.slot_ms(),
        drain_ms: spec.drain_ms(),
        drains_ms: spec.drains_ms(),
        on,
        slots: vec![Vec::new(); slots],
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn each_fault_is_on_in_half_of_the_slots_and_the_seed_decides_which() {
        let text = include_str!("../../../examples/payment-toggled.yaml");
        let (experiment, diagnostics) = squall_spec::parse_experiment(text);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let spec = experiment.unwrap().spec;
        let drawn: Vec<_> = (0..40).map(|seed| draw(&spec, seed).unwrap().on).collect();
        let half = |row: &Vec<bool>| row.len() == 10 && row.iter().filter(|on| **on).count() == 5;
        assert!(drawn.iter().flatten().all(half));
        assert_eq!(drawn[3], draw(&spec, 3).unwrap().on);
        assert!(drawn.iter().any(|on| on != &drawn[0]), "another seed draws another order");
        assert_eq!(drawn[0][0].len() as u64, spec.method_ms() / spec.slot_ms());
    }

    #[test]
    fn drains_are_bounded_by_themselves_and_together() {
        let text = include_str!("../../../examples/payment-toggled.yaml");
        let of = |text: &str| {
            let (experiment, diagnostics) = squall_spec::parse_experiment(text);
            assert!(diagnostics.is_empty(), "{diagnostics:?}");
            let toggle = draw(&experiment.unwrap().spec, 1).unwrap();
            (toggle.drain_ms, toggle.drains_ms)
        };
        assert_eq!(of(text), (30_000, 60_000), "five slots of 6 s; ten slots");
        let written =
            |drain: &str| text.replace("{repeats: 5}", &format!("{{repeats: 5, {drain}}}"));
        assert_eq!(of(&written("drain: 10s")), (10_000, 50_000), "after at most five slots");
        assert_eq!(of(&written("drain: never")), (0, 0));
    }

    #[test]
    fn several_faults_take_the_time_that_the_file_is_said_to_take() {
        let text = include_str!("../../../examples/payment-toggled.yaml");
        let (experiment, _) = squall_spec::parse_experiment(text);
        let mut spec = experiment.unwrap().spec;
        spec.method.push(spec.method[0].clone());
        spec.method.push(spec.method[0].clone());
        let drawn = draw(&spec, 7).unwrap();
        assert_eq!(drawn.slots.len() as u64, spec.method_ms() / spec.slot_ms());
        let on = drawn.on[0].iter().filter(|on| **on).count();
        assert_eq!(on as u64, spec.on_ms() / spec.slot_ms());
    }
}
