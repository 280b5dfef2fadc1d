//! Owns cases in Markdown: rules, series and faults in, cells out. What a page promises is
//! compared with what is judged, so a page of examples is a test.
//!
//! ```text
//! sla            rules; a `diagnostics` block behind it lists what they give
//! series 15s     one series a line, samples that far apart from time zero on
//! faults         FAULT TARGET FROM..TO [bit|missed] [on=#.#.] [key=value …], one a line; with `on`
//!                it was switched on and off at random in slots of FROM..TO, and with `played=2`
//!                in the first two of them only
//! matrix         the cells that these give, one a line
//! ```

use super::{GROUPS_MAX, Injection, Input, Matrix, Schedule, Word, matrix, series};
use crate::attribution::Toggling;
use crate::verdict::Bitten;
use squall_query::Series;
use squall_spec::Duration;
use squall_spec::diagnostic::{LineIndex, has_error};
use squall_spec::sla::{Checked, Facts, check};
use std::collections::BTreeMap;

/// What one block promised and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The line of the block's fence, from 1.
    pub line: usize,
    /// What the page says.
    pub expected: String,
    /// What is so.
    pub found: String,
}

impl Case {
    /// Tells whether the page tells the truth.
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// Runs every case of a page.
pub fn run(page: &str) -> Vec<Case> {
    walk(page).0
}

/// Returns the page with every `matrix` block as it is found.
pub fn updated(page: &str) -> String {
    walk(page).1
}

/// What the blocks so far have set up.
#[derive(Default)]
struct Stage {
    rules: Option<(Checked, String)>,
    series: Vec<Series>,
    every_ms: i64,
    faults: Vec<Injection>,
    schedules: Vec<Schedule>,
    wrong: Vec<String>,
}

fn walk(page: &str) -> (Vec<Case>, String) {
    let (mut cases, mut out) = (Vec::new(), String::new());
    let mut stage = Stage::default();
    let mut lines = page.split_inclusive('\n').enumerate();
    while let Some((at, line)) = lines.next() {
        out.push_str(line);
        let Some(info) = line.trim_end().strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let mut block = String::new();
        let mut fence = "";
        for (_, line) in lines.by_ref() {
            if line.trim_end() == "```" {
                fence = line;
                break;
            }
            block.push_str(line);
        }
        let mut words = info.split(' ');
        let found = match words.next().unwrap_or_default() {
            "sla" => {
                stage.begin(&block);
                None
            }
            "series" => {
                stage.read_series(words.next().unwrap_or_default(), &block);
                None
            }
            "faults" => {
                stage.read_faults(&block);
                None
            }
            "diagnostics" => stage.diagnostics(&block),
            "matrix" => Some(stage.cells()),
            _ => None,
        };
        if let Some(found) = &found {
            let expected = block.clone();
            cases.push(Case { line: at + 1, expected, found: found.clone() });
        }
        out.push_str(found.as_deref().filter(|_| info == "matrix").unwrap_or(&block));
        out.push_str(fence);
    }
    (cases, out)
}

impl Stage {
    fn begin(&mut self, block: &str) {
        *self = Stage::default();
        self.rules = Some((check(block, &Facts::default()), block.to_owned()));
    }

    fn read_series(&mut self, every: &str, block: &str) {
        let Ok(every) = every.parse::<Duration>() else {
            self.wrong.push("a block of series says how far samples are apart: series 15s".into());
            return;
        };
        self.every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
        for line in block.lines().filter(|line| !line.trim().is_empty()) {
            match series::read(line.trim(), self.every_ms) {
                Ok(series) => self.series.push(series),
                Err(why) => self.wrong.push(why),
            }
        }
    }

    fn read_faults(&mut self, block: &str) {
        for (at, line) in block.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            match fault(line, at) {
                Some(mut fault) => match fault.about.remove("on") {
                    Some(on) => self.toggle(fault, &on),
                    None => self.faults.push(fault),
                },
                None => self.wrong.push(format!("{line} is no fault: FAULT TARGET FROM..TO")),
            }
        }
    }

    /// Adds a fault that was switched on and off; those of the same slots share a schedule.
    fn toggle(&mut self, fault: Injection, on: &str) {
        let row: Vec<bool> = on.chars().map(|c| c == '#').collect();
        let planned = row.len();
        let played = fault.about.get("played").and_then(|slots| slots.parse().ok());
        let played = planned.min(played.unwrap_or(planned));
        let (from_ms, to_ms) = (fault.from_ms, fault.to_ms.unwrap_or(fault.from_ms));
        let length_ms = (to_ms - from_ms) / planned.max(1) as i64;
        let at = |slot: usize| from_ms + slot as i64 * length_ms;
        let slots: Vec<(i64, i64)> = (0..played).map(|slot| (at(slot), at(slot + 1))).collect();
        let id = |slot: usize| format!("{}.{slot}", fault.id);
        let uses: Vec<usize> = (0..played).filter(|slot| row[*slot]).collect();
        let (first, all) = (uses.first().copied().unwrap_or(0), uses.iter().copied().map(id));
        let all: Vec<String> = all.collect();
        self.faults.extend(uses.iter().map(|slot| Injection {
            id: id(*slot),
            from_ms: slots[*slot].0,
            to_ms: Some(slots[*slot].1),
            ..fault.clone()
        }));
        let same = |s: &&mut Schedule| s.toggling.slots == slots && s.toggling.block == planned;
        match self.schedules.iter_mut().find(same) {
            Some(schedule) => {
                schedule.toggling.on.push((id(first), row));
                schedule.uses.push(all);
            }
            None => {
                let on = vec![(id(first), row)];
                let toggling = Toggling { slots, on, block: planned, persists: None };
                self.schedules.push(Schedule { toggling, uses: vec![all], drains: Vec::new() });
            }
        }
    }

    /// The first line of each diagnostic, where the page lists those; it may show more of them.
    fn diagnostics(&self, block: &str) -> Option<String> {
        let (checked, text) = self.rules.as_ref()?;
        let lines = LineIndex::new(text);
        let heads: Vec<String> = checked.diagnostics.iter().map(|d| d.first_line(&lines)).collect();
        let is_head = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
        let shown: Vec<&str> = block.lines().filter(is_head).collect();
        let all = shown.len() == heads.len() && shown.iter().zip(&heads).all(|(a, b)| a == b);
        Some(if all { block.to_owned() } else { heads.join("\n") + "\n" })
    }

    fn cells(&self) -> String {
        if !self.wrong.is_empty() {
            return self.wrong.join("\n") + "\n";
        }
        let Some((checked, _)) = &self.rules else { return "there are no rules\n".into() };
        if has_error(&checked.diagnostics) {
            return "the rules have errors\n".into();
        }
        let newest = self.series.iter().filter_map(|s| s.samples.last()).map(|s| s.t_ms).max();
        let input = Input {
            agreements: &checked.agreements,
            injections: &self.faults,
            schedules: &self.schedules,
            storage: &self.series,
            every_ms: self.every_ms.max(1),
            now_ms: newest.unwrap_or(0),
            map: None,
        };
        let matrix = matrix(&input);
        let crowded = matrix.crowded.iter().map(|crowded| {
            let name = &checked.agreements[crowded.agreement].name;
            format!("{name}: only {GROUPS_MAX} of {} groups are judged\n", crowded.groups)
        });
        print(&matrix) + &crowded.collect::<String>()
    }
}

fn fault(line: &str, at: usize) -> Option<Injection> {
    let mut words = line.split_whitespace();
    let (fault, target) = (words.next()?, words.next()?);
    let (from, to) = words.next()?.split_once("..")?;
    let ms = |text: &str| i64::try_from(text.parse::<Duration>().ok()?.as_millis()).ok();
    let to_ms = if to.is_empty() { None } else { Some(ms(to)?) };
    let mut about = BTreeMap::from([("service".to_owned(), target.to_owned())]);
    let mut bitten = Bitten::Unknown;
    for word in words {
        match word {
            "bit" => bitten = Bitten::Yes,
            "missed" => bitten = Bitten::No,
            word => {
                let (key, value) = word.split_once('=')?;
                about.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Some(Injection {
        id: format!("f{}", at + 1),
        fault: fault.to_owned(),
        said: fault.to_owned(),
        target: target.to_owned(),
        service: Some(target.to_owned()),
        about,
        from_ms: ms(from)?,
        to_ms,
        bitten,
        dose: None,
    })
}

fn print(matrix: &Matrix) -> String {
    let mut out = String::new();
    for (row, cells) in matrix.rows.iter().zip(&matrix.cells) {
        for (cell, column) in cells.iter().zip(&matrix.columns) {
            let Some(run) = cell.shown() else { continue };
            let sign = match cell.word {
                Word::Held => "✅",
                Word::Refuted => "❌",
                Word::Undecided | Word::Invalid => "❔",
            };
            let service = if row.service.is_empty() { "-" } else { &row.service };
            let (fault, target) = (&column.fault, &column.target);
            out.push_str(&format!("{sign} {service} · {} · {fault} → {target}: ", row.rule));
            out.push_str(&run.reason);
            if let Some(blame) = &run.blame {
                out.push_str(&format!(" · {}", blame.text));
            }
            out.push('\n');
        }
    }
    out
}
