//! The block a terminal redraws in place: what runs, how far it is, the last values.

use super::Progress;
use crate::model::Tone;
use crate::number;
use crate::style::Paint;
use crate::width;
use squall_wire::record::{Indicator, Phase, Reading, Started};

/// Lines a block has at most; a terminal redraws it by moving up that far.
pub const LINES_MAX: usize = 8;

/// Bars drawn for one indicator where the terminal is wide enough.
const BARS_MAX: usize = 29;

/// Lines of a block that are not indicators: title, blank, phase, evidence, lease, keys.
const FRAME: usize = 6;

impl Progress {
    /// The block at a moment, for a terminal of that many columns. No line is wider.
    pub fn block(&self, now_unix_ms: i64, columns: usize) -> Vec<String> {
        let Some(started) = &self.started else { return Vec::new() };
        let columns = columns.max(20);
        let mut out = vec![self.title(started, columns), String::new()];
        out.push(self.phase_line(started, now_unix_ms, columns));
        let room = LINES_MAX - FRAME;
        let shown = if started.indicators.len() > room { room - 1 } else { room };
        for (at, indicator) in self.worst_first(started).into_iter().take(shown) {
            out.push(self.indicator(started, at, indicator, columns));
        }
        if started.indicators.len() > room {
            let more = started.indicators.len() - shown;
            out.push(self.fit(&[(format!("  and {more} more"), Paint::Dim)], columns));
        }
        out.push(self.evidence(columns));
        let lease = number::length(started.lease_ms);
        let lease = format!("{lease}, renewed while this run lives, then the agent restores");
        let label = (width::left("  lease", self.value_column(started)), Paint::Dim);
        out.push(self.fit(&[label, (lease, Paint::Dim)], columns));
        let last = match (&self.ended, self.phase) {
            (Some(why), _) => format!("  ending: {why}"),
            (None, Some(Phase::Reverting | Phase::Recovering | Phase::Judging | Phase::Done)) => {
                "  restoring is never interrupted".into()
            }
            (None, _) => "  Ctrl-C stops and restores".into(),
        };
        out.push(self.fit(&[(last, Paint::Dim)], columns));
        out.truncate(LINES_MAX);
        out
    }

    /// Pieces of text as one line that ends within `columns`.
    fn fit(&self, pieces: &[(String, Paint)], columns: usize) -> String {
        let mut room = columns.saturating_sub(1);
        let mut out = String::new();
        for (text, paint) in pieces {
            let mut cut = String::new();
            for c in self.style.plain(text).chars() {
                if width::of_char(c) > room {
                    room = 0;
                    break;
                }
                room -= width::of_char(c);
                cut.push(c);
            }
            out.push_str(&self.style.paint(&cut, *paint));
        }
        if self.style.color { out } else { out.trim_end().to_string() }
    }

    fn title(&self, started: &Started, columns: usize) -> String {
        let run = format!("   run {}", started.run);
        let fault = started.injections.first().map_or(String::new(), |injection| {
            let values: Vec<String> =
                injection.params.iter().map(|(k, v)| format!("{k} {v}")).collect();
            let more = match started.injections.len() {
                0 | 1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let comma = if values.is_empty() { "" } else { ", " };
            let (fault, target) = (&injection.fault, &injection.target.name);
            format!("{fault} → {target}{comma}{}{more}", values.join(", "))
        });
        let left = width::of(&started.experiment) + width::of(&run);
        let gap = (columns - 1).saturating_sub(left + width::of(&fault)).max(3);
        let pieces = [
            (started.experiment.clone(), Paint::Bold),
            (run, Paint::Dim),
            (" ".repeat(gap), Paint::Tone(Tone::Plain)),
            (fault, self.target_paint()),
        ];
        self.fit(&pieces, columns)
    }

    fn phase_line(&self, started: &Started, now_unix_ms: i64, columns: usize) -> String {
        let since = now_unix_ms.saturating_sub(self.phase_since_unix_ms).max(0) as u64;
        let (name, planned) = match self.phase {
            None => ("Starting", None),
            Some(Phase::Baseline) => ("Baseline", Some(started.baseline_ms)),
            Some(Phase::Injecting) => ("Injecting", None),
            Some(Phase::Holding) => ("Holding", Some(started.hold_ms)),
            Some(Phase::Draining) => ("Draining", None),
            Some(Phase::Reverting) => ("Reverting", None),
            Some(Phase::Recovering) => ("Recovering", Some(started.recovery_ms)),
            Some(Phase::Judging) => ("Judging", None),
            Some(Phase::Done) => ("Done", None),
        };
        let name = (width::left(&format!("  {name}"), 14), Paint::Bold);
        let plain = Paint::Tone(Tone::Plain);
        let seconds = since / 1000;
        let Some(planned) = planned.filter(|p| *p > 0) else {
            return self.fit(&[name, (format!("{seconds} s"), plain)], columns);
        };
        let text = format!("{seconds} s of {}   ", number::length(planned));
        let room = columns.saturating_sub(15 + width::of(&text)).min(60);
        let done = ((since.min(planned) as u128 * room as u128) / u128::from(planned)) as usize;
        let rest = room.saturating_sub(done);
        let (full, head, empty) =
            if self.style.ascii { ("#", "", ".") } else { ("━", "╺", "─") };
        let mut bar = full.repeat(done);
        if rest > 0 && !head.is_empty() {
            bar.push_str(head);
            bar.push_str(&empty.repeat(rest - 1));
        } else {
            bar.push_str(&empty.repeat(rest));
        }
        self.fit(&[name, (text, plain), (bar, plain)], columns)
    }

    /// Indicators in their order, but those outside before those inside where not all fit.
    fn worst_first<'a>(&self, started: &'a Started) -> Vec<(usize, &'a Indicator)> {
        let mut all: Vec<(usize, &Indicator)> = started.indicators.iter().enumerate().collect();
        if all.len() > LINES_MAX - FRAME {
            all.sort_by_key(|(at, _)| !self.last(*at).is_some_and(|r| r.anomalous));
        }
        all
    }

    fn last(&self, at: usize) -> Option<&Reading> {
        self.history.back()?.get(at)
    }

    fn value_column(&self, started: &Started) -> usize {
        let names = started.indicators.iter().map(|i| width::of(&i.name));
        names.max().unwrap_or(0).max(17) + 6
    }

    fn indicator(&self, started: &Started, at: usize, one: &Indicator, columns: usize) -> String {
        let reading = self.last(at);
        let value = reading.and_then(|r| r.value);
        let text = match (value, reading) {
            (Some(v), _) => number::value(v, one.unit, Some(one.bound)),
            (None, Some(r)) => r.gap.clone().unwrap_or_else(|| "no data".into()),
            (None, None) => "–".into(),
        };
        let outside = reading.is_some_and(|r| r.anomalous);
        let loud = if outside { Paint::Loud(Tone::Refuted) } else { Paint::Bold };
        let n = reading
            .and_then(|r| r.total)
            .map_or(String::new(), |n| format!("   n {}", number::count(n)));
        let strike = match (outside, self.strikes) {
            (true, count) if count > 0 => {
                let glyph = self.style.glyph(Tone::Refuted);
                format!("   {glyph} {count} of {}", started.consecutive)
            }
            _ => String::new(),
        };
        let name = width::left(&format!("  {}", one.name), self.value_column(started) - 2);
        let bounds = started.indicators.iter().map(|i| width::of(&number::bound(&i.expect)));
        let bound = width::left(&number::bound(&one.expect), bounds.max().unwrap_or(0));
        let used = width::of(&name) + 8 + 3 + width::of(&bound) + 3;
        let bars = columns.saturating_sub(used + 28).min(BARS_MAX);
        let bars =
            if bars < 4 || self.style.ascii { String::new() } else { self.bars(at, one, bars) };
        let plain = Paint::Tone(Tone::Plain);
        let pieces = [
            (name, plain),
            (width::right(&text, 8), loud),
            (format!("   {bound}   "), Paint::Dim),
            (bars, plain),
            (n, Paint::Dim),
            (strike, Paint::Tone(Tone::Refuted)),
        ];
        self.fit(&pieces, columns)
    }

    /// One bar a sample, the newest at the right; a gap is a gap.
    fn bars(&self, at: usize, indicator: &Indicator, count: usize) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let skip = self.history.len().saturating_sub(count);
        let values: Vec<Option<f64>> =
            self.history.iter().skip(skip).map(|r| r.get(at).and_then(|r| r.value)).collect();
        let top = values.iter().flatten().copied().fold(indicator.bound, f64::max);
        let bars = values.iter().map(|value| match value {
            Some(v) if top > 0.0 && v.is_finite() => {
                BARS[((v / top).clamp(0.0, 1.0) * 7.0).round() as usize]
            }
            Some(_) => BARS[0],
            None => ' ',
        });
        width::right(&bars.collect::<String>(), count)
    }

    fn evidence(&self, columns: usize) -> String {
        let last = self.history.back().into_iter().flatten().filter_map(|r| r.e);
        let highest = last.reduce(f64::max);
        let started = self.started.as_ref();
        let column = started.map_or(0, |s| self.value_column(s));
        let label = (width::left("  evidence", column), Paint::Dim);
        let text = match (highest, self.e_limit()) {
            (e, Some(limit)) => {
                let e = e.map_or("–".into(), number::evidence);
                format!(
                    "{}   abort at {}",
                    width::left(&format!("E {e}"), 6),
                    number::evidence(limit)
                )
            }
            (_, None) => {
                let of = started.map_or(0, |s| s.consecutive);
                format!("raw rule: {of} samples outside in a row abort")
            }
        };
        self.fit(&[label, (text, Paint::Tone(Tone::Plain))], columns)
    }
}
