//! Owns the question who broke a rule in a run that switched its faults on and off at random: it is
//! asked once of the whole schedule, and what is answered stands for every use of a fault in it.

use super::blame::{self, Blame, Said};
use super::judge;
use super::rows::Readable;
use super::timeline;
use super::{Injection, Input};
use crate::attribution::toggle::has_rests;
use crate::attribution::{
    Case, Check, Episode, Injection as Declared, Point, Rung, Settings, Step, Tag, Toggling,
    attribute,
};
use crate::verdict::Bitten;
use std::collections::BTreeMap;

/// Scrapes in a slot from which one says something: a rise is seen in two, and the last two may
/// show what is of the next slot.
const SCRAPES_MIN: i64 = 4;
/// Slots of one fault from which chance makes an effect in at most one run of twenty.
const SLOTS_MIN: usize = 6;

/// What a run played of its randomized schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The slots that were played, and which fault was on in each. A fault goes by the id of its
    /// first use. A schedule that was not played to its end has fewer slots than its faults have
    /// switches.
    pub toggling: Toggling,
    /// The ids of all uses of each fault, in the order of `toggling.on`.
    pub uses: Vec<Vec<String>>,
    /// Times before a slot in which the run's own traffic rested until the service was back: they
    /// count for nothing.
    pub drains: Vec<(i64, i64)>,
}

impl Schedule {
    /// The same on a clock that is this much ahead.
    pub fn shifted(mut self, by_ms: i64) -> Schedule {
        let spans = self.toggling.slots.iter_mut().chain(&mut self.drains);
        for span in spans.chain(&mut self.toggling.persists) {
            *span = (span.0.saturating_add(by_ms), span.1.saturating_add(by_ms));
        }
        self
    }

    /// The time from its first slot to the end of the last thing it needs to know.
    pub fn span(&self) -> Option<(i64, i64)> {
        let (first, last) = (self.toggling.slots.first()?, self.toggling.slots.last()?);
        Some((first.0, self.toggling.persists.map_or(last.1, |span| span.1.max(last.1))))
    }

    /// Why it cannot be asked as a whole, if it cannot.
    fn obstacle(&self, every_ms: i64) -> Option<String> {
        let slots = &self.toggling.slots;
        let length_ms = slots.first().map_or(0, |slot| slot.1 - slot.0);
        if length_ms < SCRAPES_MIN * every_ms {
            return Some(format!(
                "its random switching says nothing here: a slot takes {SCRAPES_MIN} scrapes or more"
            ));
        }
        if has_rests(&self.toggling) {
            return None;
        }
        if slots.len() < self.toggling.block {
            let of = self.toggling.block;
            return Some(format!(
                "its random switching says nothing: {} of {of} slots were played",
                slots.len()
            ));
        }
        (slots.len() < SLOTS_MIN).then(|| {
            format!(
                "its random switching says nothing: {} slots prove nothing, {SLOTS_MIN} may",
                slots.len()
            )
        })
    }
}

/// What was answered of a row, by place among the schedules.
pub(super) type Answered = BTreeMap<usize, Option<Blame>>;

/// Asks who broke a row in the run whose schedule an injection is of. Where it is of none, or the
/// schedule cannot be asked, `alone` says what is known of this use by itself.
pub(super) fn ask(
    row: &Readable<'_>,
    rows: &[Readable<'_>],
    injection: &Injection,
    input: &Input<'_>,
    answered: &mut Answered,
    alone: impl FnOnce() -> Option<Blame>,
) -> Option<Blame> {
    let is_in = |s: &Schedule| s.uses.iter().flatten().any(|id| *id == injection.id);
    let Some(at) = input.schedules.iter().position(is_in) else { return alone() };
    let schedule = &input.schedules[at];
    if let Some(why) = schedule.obstacle(input.every_ms) {
        return alone().map(|said| with_obstacle(said, injection, why));
    }
    let answer = answered.entry(at).or_insert_with(|| of_schedule(row, rows, schedule, input));
    answer.clone()
}

/// What is known of one use, with the reason why its schedule was not asked.
fn with_obstacle(mut said: Blame, injection: &Injection, why: String) -> Blame {
    said.text = format!("{} ({why})", said.text);
    let tags = said.tags.iter_mut().chain(&mut said.undeclared);
    for tag in tags.filter(|tag| tag.injection == injection.id) {
        tag.steps.push(Step { rung: Rung::E, check: Check::NoData, text: why.clone() });
    }
    said
}

fn of_schedule(
    row: &Readable<'_>,
    rows: &[Readable<'_>],
    schedule: &Schedule,
    input: &Input<'_>,
) -> Option<Blame> {
    let toggling = &schedule.toggling;
    let (first, last) = (toggling.slots.first()?, toggling.slots.last()?);
    let is_use = |i: &&Injection| schedule.uses.iter().flatten().any(|id| *id == i.id);
    let begun = input.injections.iter().filter(is_use).min_by_key(|i| i.from_ms)?;
    let before_ms = judge::span(begun, input).before_ms;
    let span = (before_ms, schedule.span()?.1.min(input.now_ms));
    let samples = timeline::read(row, input.storage, span, input.every_ms);
    let rests = |at: i64| schedule.drains.iter().any(|drain| drain.0 < at && at <= drain.1);
    let excess = |sample: &timeline::Sample| match rests(sample.at_ms) {
        true => Point { at_ms: sample.at_ms, value: Some(0.0) },
        false => Point { at_ms: sample.at_ms, value: judge::excess(row, &sample.reading) },
    };
    let episode = Episode {
        rule: row.row.rule.clone(),
        service: row.row.service.clone(),
        measure: blame::measure(row),
        from_ms: first.0,
        to_ms: last.1,
        excess: samples.iter().map(excess).collect(),
    };
    let faults = toggling.on.iter().zip(&schedule.uses);
    let toggled = faults.filter_map(|((id, _), uses)| whole(id, uses, input));
    let near = |i: &&Injection| {
        !is_use(i) && i.from_ms <= span.1 && i.to_ms.unwrap_or(input.now_ms) >= span.0
    };
    let others = input.injections.iter().filter(near).map(|i| blame::declared(i, input));
    let case = Case {
        every_ms: input.every_ms,
        episodes: vec![episode],
        injections: toggled.chain(others).collect(),
        map: input.map.clone(),
        services: blame::services(rows, input, span),
        toggling: Some(toggling.clone()),
    };
    let answer = attribute(&case, &Settings::default()).pop()?;
    let said = Said {
        most: usize::MAX,
        tag: &|tag| said(tag, schedule, input),
        nobody: format!(
            "no fault did it: the rule followed none of the random switches in {} slots",
            toggling.slots.len()
        ),
        uses: &|id| {
            let row = toggling.on.iter().position(|(first, _)| first == id);
            row.map_or_else(|| vec![id.to_owned()], |row| schedule.uses[row].clone())
        },
    };
    Some(blame::of(answer, row, input, &said))
}

/// All uses of a fault as one.
fn whole(id: &str, uses: &[String], input: &Input<'_>) -> Option<Declared> {
    let mut all = input.injections.iter().filter(|i| uses.contains(&i.id));
    let mut whole = Declared { id: id.to_owned(), ..blame::declared(all.next()?, input) };
    for one in all.map(|i| blame::declared(i, input)) {
        whole.from_ms = whole.from_ms.min(one.from_ms);
        whole.to_ms = whole.to_ms.max(one.to_ms);
        whole.bitten = seen(whole.bitten, one.bitten);
        for service in one.services {
            if !whole.services.contains(&service) {
                whole.services.push(service);
            }
        }
        for instance in one.instances {
            if !whole.instances.contains(&instance) {
                whole.instances.push(instance);
            }
        }
    }
    Some(whole)
}

/// Whether a fault was seen to act in one of two uses or the other.
fn seen(one: Bitten, other: Bitten) -> Bitten {
    let order = [Bitten::Yes, Bitten::Off, Bitten::Unknown, Bitten::No];
    order.into_iter().find(|bitten| [one, other].contains(bitten)).unwrap_or(one)
}

/// A tag with what the switch showed, in words for those who read nothing else.
fn said(tag: &Tag, schedule: &Schedule, input: &Input<'_>) -> String {
    let switched = schedule.toggling.on.iter().any(|(id, _)| *id == tag.injection);
    let text = |step: &&Step| match step.rung {
        Rung::D => step.check == Check::Passed,
        Rung::E => true,
        _ => false,
    };
    let steps: Vec<&str> = tag.steps.iter().filter(text).map(|step| step.text.as_str()).collect();
    match switched && !steps.is_empty() {
        true => format!("{} ({})", blame::said(tag, input), steps.join("; ")),
        false => blame::said(tag, input),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::run;
    use std::fmt::Write as _;

    /// Two faults, first alone, then by turns, a rest after every slot.
    const FIRST: &str = "#.#.....#...#.....#.#.....#.";
    const SECOND: &str = "....#.#...#.#...#...#...#...";

    /// A service that fails in some slots of a minute each, scraped every so many seconds.
    fn cells(every: usize, faults: &str, fails: impl Fn(usize) -> bool) -> String {
        let mut page = format!(
            "```sla\nSLA(\"a\") WHEN metric=\"m_total\" WHERE label=\"{{service='api', result='ok'}}\" \
             AGGREGATE ratio(1m) THRESHOLD >= 99%;\n```\n```series {every}s\n"
        );
        for (result, in_trouble) in [("ok", 80), ("bad", 20)] {
            let _ = write!(page, "m_total{{service=\"api\",result=\"{result}\"}}");
            let mut sum = 0;
            for at in 0..=(35 * 60 / every) {
                let second = (at * every).saturating_sub(1);
                let slot = (second / 60).checked_sub(5).filter(|slot| *slot < 28);
                sum += match slot.is_some_and(&fails) {
                    true => in_trouble,
                    false if result == "ok" => 100,
                    false => 0,
                };
                let _ = write!(page, " {sum}");
            }
            page.push('\n');
        }
        let _ = write!(page, "```\n```faults\n{faults}```\n```matrix\n```\n");
        run(&page).remove(0).found
    }

    fn line(fault: &str, bit: &str, on: &str) -> String {
        let planned = on.len();
        format!("{fault} 5m..{}m {bit} on={on}\n", 5 + planned)
    }

    fn is_on(row: &str, slot: usize) -> bool {
        row.as_bytes().get(slot) == Some(&b'#')
    }

    /// The line of one fault's cell.
    fn cell<'f>(found: &'f str, fault: &str) -> &'f str {
        let line = found.lines().find(|line| line.contains(&format!("· {fault} →")));
        line.expect("every fault has a cell")
    }

    #[test]
    fn a_fault_that_the_rule_followed_to_the_end_caused_it_and_an_idle_one_is_untagged() {
        let faults = line("cpu.load auth", "bit", FIRST) + &line("net.loss store", "bit", SECOND);
        let found = cells(10, &faults, |slot| is_on(FIRST, slot));
        assert!(
            cell(&found, "cpu.load").contains(
                " · cpu.load → auth: caused, rung E (100 % of the excess followed its switch; "
            ),
            "{found}"
        );
        // Both were on in two slots: it is said there, too, whose doing it was.
        let idle = cell(&found, "net.loss");
        assert!(idle.starts_with("❌") && idle.contains(" · cpu.load → auth: caused"), "{found}");
        assert!(!found.contains("net.loss → store: bit") && !found.contains("and net.loss"));
    }

    #[test]
    fn a_schedule_that_was_cut_off_causes_nothing() {
        for played in [1, 2, 5, 6, 20, 27] {
            let bit = format!("bit played={played}");
            let faults = line("cpu.load auth", &bit, FIRST) + &line("net.loss b", &bit, SECOND);
            let found = cells(10, &faults, |slot| slot < played && is_on(FIRST, slot));
            let said = cell(&found, "cpu.load");
            let wanted = "cpu.load → auth: attributed, rung D (100 % of the excess followed its \
                          switch; the run ended before its schedule was complete: no test)";
            assert!(said.contains(wanted) && !found.contains("caused"), "{played}: {found}");
        }
        let single = line("cpu.load auth", "bit played=5", "#..#.##..#");
        let found = cells(10, &single, |slot| is_on("#..#.", slot));
        let wanted = "bit at the target, rung C (its random switching says nothing: 5 of 10 slots \
                      were played)";
        assert!(found.contains(wanted), "{found}");
    }

    #[test]
    fn one_fault_is_tested_too_and_trouble_that_ignores_the_switch_is_nobody_s() {
        let row = "#..##..##.";
        let faults = line("cpu.load auth", "bit", row);
        let found = cells(10, &faults, |slot| is_on(row, slot));
        let wanted = "cpu.load → auth: caused, rung E (0.4 % of the on/off schedules that chance \
                      might have drawn fit the rule as well: p 0.004, 0.004 for all";
        assert!(found.contains(wanted), "{found}");
        // It fails in two slots with the fault and in two without.
        let found = cells(10, &faults, |slot| [3, 5, 8, 9].contains(&slot));
        assert!(found.contains("no fault did it: the rule followed none of the random"), "{found}");
    }

    #[test]
    fn a_schedule_moves_with_its_clock() {
        let toggling = super::Toggling {
            slots: vec![(10, 20), (30, 40)],
            on: Vec::new(),
            block: 4,
            persists: Some((50, 60)),
        };
        let schedule =
            super::Schedule { toggling, uses: Vec::new(), drains: vec![(20, 30)] }.shifted(-5);
        assert_eq!(schedule.toggling.slots, [(5, 15), (25, 35)]);
        assert_eq!((&schedule.drains[..], schedule.span()), (&[(15, 25)][..], Some((5, 55))));
    }

    #[test]
    fn a_fault_that_touched_nothing_is_not_asked_about() {
        let row = "#..##..##.";
        let found = cells(10, &line("cpu.load auth", "missed", row), |slot| is_on(row, slot));
        assert!(!found.contains("caused") && found.starts_with("❔"), "{found}");
    }

    #[test]
    fn slots_that_scrapes_cannot_tell_apart_and_uses_without_a_schedule_are_asked_alone() {
        let row = "#...#..#..";
        let found = cells(20, &line("cpu.load auth", "bit", row), |slot| is_on(row, slot));
        let wanted = "bit at the target, rung C (its random switching says nothing here: a slot \
                      takes 4 scrapes or more)";
        assert!(found.contains(wanted), "{found}");
        let uses = "cpu.load auth 5m..6m bit\ncpu.load auth 9m..10m bit\n";
        let found = cells(10, uses, |slot| is_on(row, slot));
        assert!(found.ends_with("cpu.load → auth: bit at the target, rung C\n"), "{found}");
    }
}
