//! Watches target processes and says when one ends.

use super::Input;
use crate::core::{Event, Slot};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use squall_wire::identity::ProcessIdentity;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

enum Order {
    Watch(Slot, ProcessIdentity),
    Forget(Slot),
}

pub(super) struct Exits {
    orders: Sender<Order>,
    bell: UnixStream,
}

impl Exits {
    pub(super) fn start(events: Sender<Input>) -> io::Result<Exits> {
        let (bell, hears) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        hears.set_nonblocking(true)?;
        let (orders, todo) = channel();
        let wait = move || wait(&hears, &todo, &events);
        Builder::new().name("exits".into()).spawn(wait)?;
        Ok(Exits { orders, bell })
    }

    pub(super) fn watch(&self, slot: Slot, process: ProcessIdentity) {
        self.order(Order::Watch(slot, process));
    }

    pub(super) fn forget(&self, slot: Slot) {
        self.order(Order::Forget(slot));
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
        // A full pair means that it will wake up anyway.
        let _ = (&self.bell).write(b"!");
    }
}

fn wait(mut hears: &UnixStream, todo: &Receiver<Order>, events: &Sender<Input>) {
    let mut watched: BTreeMap<Slot, OwnedFd> = BTreeMap::new();
    loop {
        for order in todo.try_iter() {
            match order {
                // One that is gone already is found by the fault's own check.
                Order::Watch(slot, process) => {
                    watched.extend(open(process).map(|descriptor| (slot, descriptor)));
                }
                Order::Forget(slot) => drop(watched.remove(&slot)),
            }
        }
        let mut ends = vec![PollFd::new(&hears, PollFlags::IN)];
        ends.extend(watched.values().map(|descriptor| PollFd::new(descriptor, PollFlags::IN)));
        if poll(&mut ends, None).is_err() {
            continue;
        }
        let ready: Vec<bool> = ends.iter().map(|end| !end.revents().is_empty()).collect();
        let gone = watched.keys().zip(ready.iter().skip(1)).filter(|(_, ready)| **ready);
        let gone: Vec<Slot> = gone.map(|(slot, _)| *slot).collect();
        if ready[0] && matches!(hears.read(&mut [0; 256]), Ok(0)) {
            return;
        }
        for slot in gone {
            watched.remove(&slot);
            if events.send(Event::TargetGone { slot }.into()).is_err() {
                return;
            }
        }
    }
}

fn open(process: ProcessIdentity) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    (squall_faults::sys::process::identity(process.pid) == Some(process)).then_some(descriptor)
}
