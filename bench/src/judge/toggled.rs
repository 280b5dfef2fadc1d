//! Owns how attribution fares where faults are switched on and off at random.

use super::bootstrap::Shares;
use super::overlap::{EVERY_MS, case, rules, shown};
use super::threads::over;
use super::world::dice::Stream;
use super::world::{Family, Truth, draw, observe};
use squall_judge::attribution::{Episode, Rung, Settings, Toggling, attribute, toggle};
use std::fmt::Write as _;

/// On and off this many times each.
const REPEATS: usize = 5;
/// A fault without which less than this share of the excess goes away does nothing.
const NOTHING: f64 = 0.01;

/// One rule of one scenario.
struct Unit {
    exact: bool,
    said: usize,
    wrong: usize,
    /// Faults that do nothing, and how many of them were said to have caused it.
    idle: usize,
    idle_said: usize,
}

/// The report.
pub(crate) fn report() -> String {
    let mut out = format!(
        "\n### Faults toggled at random, {REPEATS} times on and {REPEATS} off\n\nA unit is one rule \
         of one scenario that was broken. *False \"caused\"*: of tags, those whose fault is no \
         cause; of idle faults, those that were tagged.\n\n| scenarios | exact set | false \"caused\", of tags | \
         false \"caused\", of idle faults | units |\n| --- | --- | --- | --- | ---: |\n"
    );
    let sets: [(&str, &[Family], u64, usize); 3] = [
        ("development", &Family::DEVELOPMENT, 0, 100),
        ("held-out seeds", &Family::DEVELOPMENT, 5_000_000, 200),
        ("unseen mechanisms", &Family::HELD_OUT, 5_000_000, 100),
    ];
    for (name, families, first, count) in sets.into_iter().take(shown()) {
        let all = over(count, |i| units(first + i as u64, families[i % families.len()]));
        let (mut exact, mut tags, mut idle) =
            (Shares::default(), Shares::default(), Shares::default());
        for units in all.iter().filter(|units| !units.is_empty()) {
            let sum = |of: &dyn Fn(&Unit) -> usize| units.iter().map(of).sum::<usize>() as f64;
            exact.add(sum(&|u| usize::from(u.exact)), units.len() as f64);
            tags.add(sum(&|u| u.wrong), sum(&|u| u.said));
            idle.add(sum(&|u| u.idle_said), sum(&|u| u.idle));
        }
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} |",
            exact.text(),
            tags.text(),
            idle.text(),
            exact.whole()
        );
    }
    out
}

fn units(seed: u64, family: Family) -> Vec<Unit> {
    let mut stream = Stream::new(seed ^ 0x70_66_6C);
    let rows = toggle::draw(stream.whole(2, 4), REPEATS, &mut || stream.unit());
    let scenario = draw(seed, family, Some(&rows));
    let Some(slots) = scenario.slots else { return Vec::new() };
    let truth = Truth::of(&scenario);
    let observed = observe(&scenario, &truth.full);
    let (first, last) = (slots.from, slots.from + slots.length * slots.count - 1);
    let ms = |tick: usize| tick as i64 * EVERY_MS;
    let slot = |i: usize| (ms(first + i * slots.length), ms(first + (i + 1) * slots.length));
    let mut case = case(&observed);
    for injection in &mut case.injections {
        (injection.from_ms, injection.to_ms) = (ms(first), ms(last + 1));
    }
    case.toggling = Some(Toggling {
        slots: (0..slots.count).map(slot).collect(),
        on: rows.iter().enumerate().map(|(i, on)| (i.to_string(), on.clone())).collect(),
        block: slots.count,
    });
    let mut labels = Vec::new();
    for (i, rule) in rules(&observed).iter().enumerate() {
        let inside = |e: &Episode| e.from_ms <= ms(last + 1) && e.to_ms > ms(first);
        if rule.episodes().iter().any(inside) {
            labels.push(truth.label(i, first, last));
            case.episodes.push(Episode {
                rule: rule.rule.clone(),
                service: rule.service.clone(),
                measure: rule.measure,
                from_ms: ms(first + 1),
                to_ms: ms(last + 1),
                excess: rule.excess(),
            });
        }
    }
    let said = attribute(&case, &Settings::default());
    let unit =
        |(label, said): (&super::world::truth::Label, &squall_judge::attribution::Attribution)| {
            let caused = said.tags.iter().filter(|tag| tag.rung == Rung::E);
            let mut caused: Vec<usize> = caused.filter_map(|t| t.injection.parse().ok()).collect();
            caused.sort_unstable();
            let idle: Vec<usize> =
                (0..label.but_for.len()).filter(|i| label.but_for[*i] < NOTHING).collect();
            Unit {
                exact: caused == label.causes,
                said: caused.len(),
                wrong: caused.iter().filter(|i| !label.causes.contains(i)).count(),
                idle: idle.len(),
                idle_said: idle.iter().filter(|i| caused.contains(i)).count(),
            }
        };
    labels.iter().zip(&said).map(unit).collect()
}
