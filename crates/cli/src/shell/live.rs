//! Shows a run while it runs: redrawn in place on a terminal, one line an event elsewhere.

use squall_report::progress::{LINES_MAX, Progress};
use squall_report::style::Style;
use squall_wire::record::{Event, Line};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two drawings: more often than five times a second nobody reads.
const REDRAW_EVERY: Duration = Duration::from_millis(200);
/// The widest block; a narrower terminal narrows it.
const COLUMNS_MAX: usize = 100;

/// Takes the lines of a record and shows them. A closed terminal loses the show, never the run.
pub(crate) struct Live {
    lines: Option<Sender<Line>>,
    drawing: Option<JoinHandle<()>>,
}

impl Live {
    /// Starts to show; `in_place` on a terminal.
    pub(crate) fn start(style: Style, in_place: bool) -> Live {
        let (lines, received) = channel();
        let drawing = std::thread::Builder::new()
            .name("live".into())
            .spawn(move || if in_place { draw(style, &received) } else { print(style, &received) });
        Live { lines: Some(lines), drawing: drawing.ok() }
    }

    /// Shows one more line.
    pub(crate) fn line(&self, line: &Line) {
        if let Some(lines) = &self.lines {
            drop(lines.send(line.clone()));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(drawing) = self.drawing.take() {
            drop(drawing.join());
        }
    }
}

fn print(style: Style, received: &Receiver<Line>) {
    let mut progress = Progress::new(style);
    let mut shown = true;
    for line in received {
        if let Some(text) = progress.line(&line)
            && shown
        {
            shown = writeln!(std::io::stderr().lock(), "{text}").is_ok();
        }
    }
}

fn draw(style: Style, received: &Receiver<Line>) {
    let mut progress = Progress::new(style);
    let (mut drawn, mut next) = (0, Instant::now());
    let mut last_unix_ms = (0, Instant::now());
    loop {
        match received.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                last_unix_ms = (line.at_unix_ms, Instant::now());
                let text = progress.line(&line);
                if keeps(&line.event)
                    && let Some(text) = text
                {
                    drawn = replace(drawn, &[text], 0);
                }
                if Instant::now() < next {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let (at, when) = last_unix_ms;
        let now = at + i64::try_from(when.elapsed().as_millis()).unwrap_or(0);
        let block = progress.block(now, columns());
        let height = block.len().min(LINES_MAX);
        drawn = replace(drawn, &block[..height], height);
        next = Instant::now() + REDRAW_EVERY;
    }
    // The final report on standard output says all the block said, and more.
    let _ = replace(drawn, &[], 0);
}

/// What stays on the screen above the block.
fn keeps(event: &Event) -> bool {
    matches!(
        event,
        Event::Inject { .. }
            | Event::Strike { .. }
            | Event::Abort { .. }
            | Event::Restore { .. }
            | Event::Warning { .. }
    )
}

/// Writes lines over the block drawn last; returns how many of them the next call overwrites.
fn replace(drawn: usize, lines: &[String], height: usize) -> usize {
    let mut text = String::new();
    if drawn > 0 {
        text.push_str(&format!("\x1b[{drawn}A\r\x1b[J"));
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let mut err = std::io::stderr().lock();
    if err.write_all(text.as_bytes()).and_then(|()| err.flush()).is_err() {
        return 0;
    }
    height
}

/// The width of the terminal, from the kernel.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.map_or(COLUMNS_MAX, |size| usize::from(size.ws_col).clamp(40, COLUMNS_MAX))
}
