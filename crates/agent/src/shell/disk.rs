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
            while let Ok(write) = writes.recv() {
                let event = carry_out(&mut journal, write);
                let _ = events.send(event.into());
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

fn carry_out(journal: &mut Journal, write: Write) -> Event {
    match write {
        Write::Open(slot, receipt) => {
            let start = clock::monotonic_ns();
            let written = journal.open(&receipt);
            let took_us = (clock::monotonic_ns() - start) / 1_000;
            Event::Written { slot, result: written.map(|()| took_us).map_err(|e| refusal(&e)) }
        }
        Write::Close(slot, id, by) => {
            let closed = journal.close(&id, by, signals::unix_ms());
            Event::Closed { slot, result: closed.map_err(|error| refusal(&error)) }
        }
    }
}

fn refusal(error: &io::Error) -> Refusal {
    Refusal {
        code: "journal".into(),
        message: format!("the receipt cannot be written: {error}; nothing was touched"),
        help: Some("make room on the disk, or let `SQUALL_STATE` name another folder".into()),
    }
}
