//! The thread that owns the journal: a slow disk delays receipts, never a revert.

use super::{Input, signals};
use crate::core::{Event, Slot};
use crate::journal::Journal;
use squall_faults::sys::clock;
use squall_wire::protocol::Refusal;
use squall_wire::receipt::Receipt;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

/// Writes that share one wait for the disk; a host has no more injections at once.
const TOGETHER_MAX: usize = 128;

/// One thing to write.
pub(super) enum Write {
    /// A receipt, synced.
    Open(Slot, Box<Receipt>),
    /// A closing entry.
    Close(Slot, String, &'static str),
}

pub(super) struct Disk {
    todo: Sender<Write>,
    thread: JoinHandle<()>,
}

impl Disk {
    pub(super) fn start(mut journal: Journal, events: Sender<Input>) -> io::Result<Disk> {
        let (todo, writes) = channel();
        let write = move || {
            while let Ok(first) = writes.recv() {
                // What came meanwhile waits for the disk together with it.
                let more = writes.try_iter().take(TOGETHER_MAX - 1);
                let together: Vec<Write> = [first].into_iter().chain(more).collect();
                for event in carry_out(&mut journal, together) {
                    let _ = events.send(event.into());
                }
            }
        };
        let thread = Builder::new().name("disk".into()).spawn(write)?;
        Ok(Disk { todo, thread })
    }

    pub(super) fn give(&self, write: Write) {
        let _ = self.todo.send(write);
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) {
        drop(self.todo);
        let _ = self.thread.join();
    }
}

/// Writes in the order given; receipts that follow one another are synced once.
fn carry_out(journal: &mut Journal, writes: Vec<Write>) -> Vec<Event> {
    let (mut events, mut opening) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Open(slot, receipt) => opening.push((slot, receipt)),
            Write::Close(slot, id, by) => {
                events.extend(open(journal, &mut opening));
                let closed = journal.close(&id, by, signals::unix_ms());
                let result = closed.map_err(|error| refusal(&error));
                events.push(Event::Closed { slot, result });
            }
        }
    }
    events.extend(open(journal, &mut opening));
    events
}

fn open(journal: &mut Journal, opening: &mut Vec<(Slot, Box<Receipt>)>) -> Vec<Event> {
    if opening.is_empty() {
        return Vec::new();
    }
    let start = clock::monotonic_ns();
    let receipts: Vec<&Receipt> = opening.iter().map(|(_, receipt)| &**receipt).collect();
    let written = journal.open_all(&receipts);
    let took_us = (clock::monotonic_ns() - start) / 1_000;
    let result = || written.as_ref().map(|&()| took_us).map_err(refusal);
    opening.drain(..).map(|(slot, _)| Event::Written { slot, result: result() }).collect()
}

fn refusal(error: &io::Error) -> Refusal {
    Refusal {
        code: "journal".into(),
        message: format!("the receipt cannot be written: {error}; nothing was touched"),
        help: Some("make room on the disk, or let `SQUALL_STATE` name another folder".into()),
    }
}
