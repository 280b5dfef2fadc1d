//! A run while it runs: one line an event for pipes and CI, and a block of at most eight lines
//! that a terminal redraws in place. Strings only; the caller owns the terminal and the clock.

mod block;

pub use block::LINES_MAX;

use crate::model::{Names, Tone, describe, e_limit};
use crate::style::{Paint, Style};
use crate::width;
use squall_wire::record::{Event, Line, Phase, Reading, Started};
use std::collections::VecDeque;

/// Samples a block draws as bars; older ones are forgotten.
const HISTORY_MAX: usize = 60;

/// Text of a line is wrapped so that it ends within this column.
const WIDTH_MAX: usize = 100;

/// Column at which the text of a line begins: time, kind, text.
const TEXT: usize = 21;

/// The state of a run, fed with its lines.
#[derive(Debug, Default)]
pub struct Progress {
    style: Style,
    started: Option<Started>,
    names: Names,
    phase: Option<Phase>,
    phase_since_unix_ms: i64,
    injected_unix_ms: Option<i64>,
    baseline_unix_ms: Option<i64>,
    history: VecDeque<Vec<Reading>>,
    strikes: u32,
    ended: Option<String>,
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(style: Style) -> Progress {
        Progress { style, ..Progress::default() }
    }

    /// Takes the next line of the record and gives its text, without a line break at the end;
    /// nothing for lines that are data rather than news.
    pub fn line(&mut self, line: &Line) -> Option<String> {
        self.take(line);
        let (kind, tone, text) = describe(&line.event, &self.names)?;
        let t = format!("{:>9.2}", self.seconds(line));
        let text = self.style.plain(&text);
        let mut lines = width::wrap(&text, WIDTH_MAX - TEXT).into_iter();
        let kind = self.style.paint(&width::left(kind, TEXT - 11), Paint::Tone(tone));
        let mut out = format!("{t}  {kind}{}", lines.next().unwrap_or_default());
        for more in lines {
            out.push('\n');
            out.push_str(&" ".repeat(TEXT));
            out.push_str(&more);
        }
        Some(out.trim_end().to_string())
    }

    fn take(&mut self, line: &Line) {
        match &line.event {
            Event::Started(started) => {
                self.names = Names::of(started);
                self.started = Some((**started).clone());
            }
            Event::Phase(phase) => {
                self.phase = Some(*phase);
                self.phase_since_unix_ms = line.at_unix_ms;
                if *phase == Phase::Baseline {
                    self.baseline_unix_ms.get_or_insert(line.at_unix_ms);
                }
            }
            Event::Sample(sample) => {
                if self.history.len() == HISTORY_MAX {
                    self.history.pop_front();
                }
                self.history.push_back(sample.readings.clone());
                if !sample.readings.iter().any(|r| r.anomalous) {
                    self.strikes = 0;
                }
            }
            Event::Strike { count, .. } => self.strikes = *count,
            Event::Inject { .. } => {
                let zero = line.at_unix_ms.saturating_sub(line.t_ms.unwrap_or(0));
                self.injected_unix_ms.get_or_insert(zero);
            }
            Event::Abort { text, .. } => self.ended = Some(text.clone()),
            _ => {}
        }
    }

    /// Seconds from injection. Before injection they are counted towards its planned moment, the
    /// end of the baseline, and never reach 0: only the injection itself is at 0.
    fn seconds(&self, line: &Line) -> f64 {
        let ms = match (line.t_ms, self.injected_unix_ms) {
            (Some(t), _) => t,
            (None, Some(zero)) => line.at_unix_ms.saturating_sub(zero),
            (None, None) => {
                let planned = self.started.as_ref().map_or(0, |s| s.baseline_ms);
                let planned = i64::try_from(planned).unwrap_or(i64::MAX);
                let since = self.baseline_unix_ms.map_or(0, |b| line.at_unix_ms.saturating_sub(b));
                since.saturating_sub(planned).min(-10)
            }
        };
        ms as f64 / 1e3
    }

    fn e_limit(&self) -> Option<f64> {
        let started = self.started.as_ref()?;
        e_limit(started.literal, started.false_alarm)
    }

    fn target_paint(&self) -> Paint {
        Paint::Tone(Tone::Inject)
    }
}
