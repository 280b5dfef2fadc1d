//! Owns how attribution fares where faults are switched on and off at random.

use super::bootstrap::Shares;
use super::drained::drive;
use super::overlap::{EVERY_MS, case, rules, shown, tell_doses};
use super::threads::over;
use super::world::dice::Stream;
use super::world::scenario::Slots;
use super::world::{Family, Truth, draw, observe};
use squall_judge::attribution::{Episode, RuleCounts, Rung, Settings, Toggling, attribute, toggle};
use std::fmt::Write as _;

/// On and off this many times each.
const REPEATS: usize = 5;
/// A fault without which less than this share of the excess goes away does nothing.
const NOTHING: f64 = 0.01;
/// Ticks that a scenario goes on after its schedule.
const AFTER: usize = 20;

/// How the faults are switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// As the product plans it where the traffic is its own: alone first, a rest after every slot,
    /// the traffic paused where a rule is still broken at the end of one, and the end where it is
    /// broken again with the traffic back.
    Drains,
    /// As it plans it elsewhere: the end where a rule stays broken through a rest.
    Rests,
    /// Slot after slot, whatever happens.
    Straight,
}

/// One rule of one scenario.
struct Unit {
    exact: bool,
    ended: bool,
    /// Tags, those whose fault is no cause, and the same of the tags that say "caused".
    tags: usize,
    wrong: usize,
    caused: usize,
    caused_wrong: usize,
    /// Causes, and those that were said to have "caused" it.
    causes: usize,
    caused_right: usize,
    /// Faults that do nothing, and how many of them were tagged, and said to have caused it.
    idle: usize,
    idle_tagged: usize,
    idle_caused: usize,
}

/// The report.
pub(crate) fn report() -> String {
    let mut out = format!(
        "\n### Faults toggled at random, {REPEATS} times on and {REPEATS} off\n\nA unit is one rule \
         of one scenario that was broken. Answers are sets of tags of rung D (\"attributed\") and E \
         (\"caused\").\n"
    );
    for (title, plan) in [
        (
            "as planned with traffic of its own: each alone first, a rest after every slot, a drain \
          where a rule is still broken after it",
            Plan::Drains,
        ),
        (
            "as planned with others' traffic: each alone first, a rest after every slot, over where a rule stays broken \
          through a rest",
            Plan::Rests,
        ),
        ("slot after slot, whatever happens", Plan::Straight),
    ] {
        let _ = writeln!(
            out,
            "\nThe schedule {title}:\n\n| scenarios | exact set | wrong, of tags | tagged, of idle \
             faults | false \"caused\", of \"caused\" | false \"caused\", of idle faults | said to \
             be \"caused\", of causes | ended early | units |\n| --- | --- | --- | --- | --- | --- \
             | --- | ---: | ---: |"
        );
        out += &table(plan);
    }
    out
}

fn table(plan: Plan) -> String {
    let mut out = String::new();
    let sets: [(&str, &[Family], u64, usize); 3] = [
        ("development", &Family::DEVELOPMENT, 0, 400),
        ("held-out seeds", &Family::DEVELOPMENT, 5_000_000, 200),
        ("unseen mechanisms", &Family::HELD_OUT, 5_000_000, 100),
    ];
    for (name, families, first, count) in sets.into_iter().take(shown()) {
        let all = over(count, |i| units(first + i as u64, families[i % families.len()], plan));
        let mut shares: [Shares; 7] = Default::default();
        for units in all.iter().filter(|units| !units.is_empty()) {
            let sum = |of: &dyn Fn(&Unit) -> usize| units.iter().map(of).sum::<usize>() as f64;
            let parts = [
                (sum(&|u| usize::from(u.exact)), units.len() as f64),
                (sum(&|u| u.wrong), sum(&|u| u.tags)),
                (sum(&|u| u.idle_tagged), sum(&|u| u.idle)),
                (sum(&|u| u.caused_wrong), sum(&|u| u.caused)),
                (sum(&|u| u.idle_caused), sum(&|u| u.idle)),
                (sum(&|u| u.caused_right), sum(&|u| u.causes)),
                (sum(&|u| usize::from(u.ended)), units.len() as f64),
            ];
            shares.iter_mut().zip(parts).for_each(|(shares, (part, all))| shares.add(part, all));
        }
        let columns: Vec<String> = shares[..6].iter().map(Shares::text).collect();
        let (ended, units) = (shares[6].value(), shares[6].whole());
        let _ = writeln!(out, "| {name} | {} | {ended:.2} | {units} |", columns.join(" | "));
    }
    out
}

/// The schedule of a scenario's faults, one row a fault.
fn schedule(seed: u64, plan: Plan) -> Vec<Vec<bool>> {
    let mut stream = Stream::new(seed ^ 0x70_66_6C);
    let faults = stream.whole(2, 4);
    let rows = toggle::draw(faults, REPEATS, &mut || stream.unit());
    match plan {
        Plan::Drains | Plan::Rests => rows,
        Plan::Straight => rows
            .iter()
            .map(|row| row[2 * toggle::ALONE * faults..].iter().copied().step_by(2).collect())
            .collect(),
    }
}

fn units(seed: u64, family: Family, plan: Plan) -> Vec<Unit> {
    let rows = schedule(seed, plan);
    let mut scenario = draw(seed, family, Some(&rows));
    let Some(slots) = scenario.slots else { return Vec::new() };
    // The schedule is the product's, and a scenario lasts as long as it does.
    let planned = if plan == Plan::Straight { slots.count } else { rows[0].len() };
    let Slots { from, length, .. } = slots;
    scenario.slots = Some(Slots { count: planned, ..slots });
    scenario.ticks = scenario.ticks.max(from + length * planned + AFTER);
    let driven = (plan == Plan::Drains).then(|| drive(&mut scenario, slots, planned, AFTER));
    let truth = Truth::of(&scenario);
    let observed = observe(&scenario, &truth.full);
    let rules = rules(&observed);
    let taken: Vec<(usize, usize)> = match &driven {
        Some(driven) => driven.slots.clone(),
        None => {
            let count = match plan {
                Plan::Straight => planned,
                _ => ends(&rules, from, length, planned),
            };
            (0..count).map(|i| (from + i * length, from + (i + 1) * length - 1)).collect()
        }
    };
    let count = taken.len();
    let Some((first, last)) = taken.first().zip(taken.last()).map(|(a, b)| (a.0, b.1)) else {
        return Vec::new();
    };
    let mut case = case(&observed);
    tell_doses(&mut case, &scenario);
    for injection in &mut case.injections {
        (injection.from_ms, injection.to_ms) = (ms(first), ms(last + 1));
    }
    case.toggling = Some(Toggling {
        slots: taken.iter().map(|(from, to)| (ms(*from), ms(to + 1))).collect(),
        on: rows.iter().enumerate().map(|(i, on)| (i.to_string(), on.clone())).collect(),
        block: planned,
        persists: (driven.as_ref())
            .and_then(|d| d.persists)
            .map(|(from, to)| (ms(from), ms(to + 1))),
    });
    let mut labels = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
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
    let ended = count < planned;
    labels.iter().zip(&said).map(|(label, said)| unit(label, said, ended)).collect()
}

fn unit(
    label: &super::world::truth::Label,
    said: &squall_judge::attribution::Attribution,
    ended: bool,
) -> Unit {
    let tagged = |rungs: &[Rung]| {
        let tags = said.tags.iter().filter(|tag| rungs.contains(&tag.rung));
        let mut ids: Vec<usize> = tags.filter_map(|tag| tag.injection.parse().ok()).collect();
        ids.sort_unstable();
        ids
    };
    let (tags, caused) = (tagged(&[Rung::D, Rung::E]), tagged(&[Rung::E]));
    let is_cause = |i: &&usize| label.causes.contains(*i);
    let idle: Vec<usize> = (0..label.but_for.len())
        .filter(|i| label.but_for[*i] < NOTHING && !label.causes.contains(i))
        .collect();
    let of_idle = |ids: &[usize]| idle.iter().filter(|i| ids.contains(i)).count();
    let caused_right = caused.iter().filter(is_cause).count();
    Unit {
        exact: tags == label.causes,
        ended,
        tags: tags.len(),
        wrong: tags.len() - tags.iter().filter(is_cause).count(),
        caused: caused.len(),
        caused_wrong: caused.len() - caused_right,
        causes: label.causes.len(),
        caused_right,
        idle: idle.len(),
        idle_tagged: of_idle(&tags),
        idle_caused: of_idle(&caused),
    }
}

/// After how many slots the run is over: a rule that is broken in every sample of a rest ends it.
fn ends(rules: &[RuleCounts], from: usize, length: usize, slots: usize) -> usize {
    let broken = |rule: &RuleCounts, rest: usize| {
        let samples = &rule.excess()[from + rest * length..from + (rest + 1) * length];
        samples.iter().filter_map(|sample| sample.value).all(|excess| excess > 0.0)
    };
    let over = (1..slots).step_by(2).find(|rest| rules.iter().any(|rule| broken(rule, *rest)));
    over.map_or(slots, |rest| rest + 1)
}

fn ms(tick: usize) -> i64 {
    tick as i64 * EVERY_MS
}
