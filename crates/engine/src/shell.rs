//! The engine's shell: one thread, one `select!` over one event enum. It carries out what the
//! core orders and tells it what happened; it decides nothing.

mod alarm;
mod arms;
mod endings;
mod link;
mod pulls;
mod recorder;
mod signals;

use crate::core::{Command, Core, Event};
use crate::prepare::Prepared;
use crate::recorder::Recorder;
use alarm::Alarm;
use endings::Watch;
use link::Link;
use pulls::Pulls;
use signals::Signals;
use squall_signals::{Gate, Source};
use squall_wire::record::{Event as Recorded, Line, Verdict};
use std::fs::File;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use link::{AgentLink, Start};

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The exit code.
    pub exit: u8,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The record.
    pub record: PathBuf,
}

/// Why a run could not begin; nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The record cannot be made.
    #[error("make the record {path}: {source}; is the folder writable, and the disk not full?")]
    Record {
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Signals cannot be caught, so a run could not be stopped safely.
    #[error("catch signals: {0}")]
    Signals(#[source] io::Error),
    /// There is no runtime.
    #[error("start the event loop: {0}; check the limit on open files")]
    Runtime(#[source] io::Error),
}

/// Runs what was prepared. `folder` gets the record; `observer` sees every line of it at once.
///
/// # Errors
/// When the run could not begin. Once it began, it ends with an [`Outcome`].
pub async fn run(
    prepared: Prepared,
    sources: Vec<Box<dyn Source>>,
    agent: AgentLink,
    folder: &Path,
    observer: &mut dyn FnMut(&Line),
) -> Result<Outcome, RunError> {
    let clock = Clock::start();
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let alarm = Alarm::new().map_err(RunError::Runtime)?;
    let path = folder.join("record.jsonl");
    let recorder = recorder::create(&path);
    let recorder = recorder.map_err(|source| RunError::Record { path: path.clone(), source })?;
    let Prepared { script, started, watched } = prepared;
    let mut run = Run {
        endings: Watch::new(&sources),
        gates: sources.iter().filter_map(|source| source.gate()).collect(),
        link: Link::open(agent),
        pulls: Pulls::new(sources, watched, Duration::from_micros(script.every_us)),
        recorder,
        clock,
        observer,
        verdict: None,
    };
    run.record(Recorded::Started(Box::new(started)));
    let (mut core, mut commands) = Core::begin(script, clock.now_us());
    let exit = loop {
        if let Some(exit) = run.carry_out(commands) {
            break exit;
        }
        let event = run.wait(&core, &mut signals, &alarm).await;
        commands = core.step(event, clock.now_us());
    };
    Ok(Outcome { exit, verdict: run.verdict, record: path })
}

/// Runs a future on a thread of its own making, with everything a run needs.
///
/// # Errors
/// When the event loop cannot be made.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(RunError::Runtime)?;
    let output = runtime.block_on(future);
    // A start of an agent that hangs must not keep a run that is over.
    runtime.shutdown_background();
    Ok(output)
}

struct Run<'o> {
    endings: Watch,
    /// What lets the run's own traffic rest.
    gates: Vec<Gate>,
    link: Link,
    pulls: Pulls,
    recorder: Recorder<File>,
    clock: Clock,
    observer: &'o mut dyn FnMut(&Line),
    verdict: Option<Verdict>,
}

impl Run<'_> {
    fn carry_out(&mut self, commands: Vec<Command>) -> Option<u8> {
        let mut exit = None;
        // Orders to the agent go first: nothing may delay an undo, not even the record.
        let (asks, rest): (Vec<_>, Vec<_>) =
            commands.into_iter().partition(|c| matches!(c, Command::Ask { .. }));
        for command in asks.into_iter().chain(rest) {
            match command {
                Command::Ask { call, ask } => self.link.send(call, *ask),
                Command::Reconnect => self.link.reconnect(),
                Command::Pull { pull, purpose } => {
                    self.pulls.start(pull, purpose, self.clock.unix_ms());
                }
                Command::Traffic { flows } => {
                    self.gates.iter().for_each(|gate| gate.let_flow(flows));
                }
                Command::Record(event) => self.record(*event),
                Command::Finish { exit: code } => exit = Some(code),
            }
        }
        exit
    }

    async fn wait(&mut self, core: &Core, signals: &mut Signals, alarm: &Alarm) -> Event {
        if let Some(event) = self.pulls.warning() {
            return event;
        }
        let wake_us = core.next_wakeup_us();
        let wait = wake_us.map(|at| Duration::from_micros(at.saturating_sub(self.clock.now_us())));
        let wait = wait.unwrap_or(Duration::from_secs(3_600));
        tokio::select! {
            biased;
            by = signals.next() => Event::Stop { by: by.into() },
            event = self.link.next() => event,
            event = self.pulls.next() => event,
            // A timer that cannot be set is as good as one that rang: the core looks at the time.
            _ = alarm.after(wait) => Event::Tick,
        }
    }

    fn record(&mut self, event: Recorded) {
        if let Recorded::Verdict(verdict) = &event {
            self.verdict = Some((**verdict).clone());
        }
        if let Recorded::Phase(phase) = &event
            && let Some(ended) = self.endings.begins(*phase)
        {
            self.write(ended);
        }
        self.write(event);
    }

    fn write(&mut self, event: Recorded) {
        let (line, trouble) = self.recorder.append(event, self.clock.unix_ms());
        (self.observer)(&line);
        if let Some(trouble) = trouble {
            let code = "record".to_string();
            let (line, _) = self
                .recorder
                .append(Recorded::Warning { code, text: trouble }, self.clock.unix_ms());
            (self.observer)(&line);
        }
    }
}

/// One reading of both clocks at the start; from then on only the monotonic one is read, so a
/// wall clock that is set during a run bends no time of it.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    start_unix_ms: i64,
}

impl Clock {
    fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_unix_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Clock { start: Instant::now(), start_unix_ms }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn unix_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start_unix_ms.saturating_add(elapsed)
    }
}

#[cfg(test)]
mod tests;
