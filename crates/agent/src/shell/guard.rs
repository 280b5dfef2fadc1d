//! The agent's end of the link to its watchdog, and the next watchdog when one dies.

use super::{Input, Options};
use crate::watchdog::guard::{unwatch_line, watch_line};
use crate::watchdog::replacement::{self, Replacement};
use crate::watchdog::{READY, pause};
use squall_faults::sys::clock;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::Builder;

pub(super) struct Guard {
    program: OsString,
    state_dir: OsString,
    link: UnixStream,
    pid: u32,
    replacement: Replacement,
}

impl Guard {
    pub(super) fn start(options: &Options, events: &Sender<Input>) -> io::Result<Guard> {
        let program = options.program.clone().into_os_string();
        let state_dir = options.paths.state_dir.clone().into_os_string();
        let (link, pid) = spawn(&program, &state_dir, events)?;
        let replacement = Replacement::new(clock::boottime_ns());
        Ok(Guard { program, state_dir, link, pid, replacement })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Has the next watchdog started in place of one that died, at once or a little later.
    pub(super) fn replace(&mut self, events: &Sender<Input>) {
        later(self.replacement.pause_ns(clock::boottime_ns()), events);
    }

    /// Starts the next watchdog; true when there is one.
    pub(super) fn start_again(&mut self, events: &Sender<Input>) -> bool {
        match spawn(&self.program, &self.state_dir, events) {
            Ok((link, pid)) => {
                (self.link, self.pid) = (link, pid);
                true
            }
            Err(error) => {
                crate::say::say(format_args!(
                    "squall agent: the watchdog cannot be started again: {error}"
                ));
                later(replacement::SLOW_NS, events);
                false
            }
        }
    }

    pub(super) fn watch(&self, receipt: &str, deadline_ns: u64) {
        self.tell(&watch_line(receipt, deadline_ns));
    }

    pub(super) fn unwatch(&self, receipt: &str) {
        self.tell(&unwatch_line(receipt));
    }

    fn tell(&self, line: &str) {
        // Never waits: a watchdog that does not read is as good as dead, and one that misses a
        // withdrawal errs on the side of restoring.
        let _ = rustix::net::send(
            &self.link,
            line.as_bytes(),
            rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL,
        );
    }
}

fn spawn(
    program: &OsString,
    state_dir: &OsString,
    events: &Sender<Input>,
) -> io::Result<(UnixStream, u32)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut hears = ours.try_clone()?;
    let child = Command::new(program)
        .arg("agent-watchdog")
        .arg(state_dir)
        .arg(std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()?;
    let (pid, events) = (child.id(), events.clone());
    let listen = move || {
        let mut bytes = [0; READY.len()];
        while let Ok(1..) = hears.read(&mut bytes) {
            let _ = events.send(Input::GuardReady(pid));
        }
        reap(child);
        let _ = events.send(Input::GuardGone(pid));
    };
    Builder::new().name("watchdog".into()).spawn(listen)?;
    Ok((ours, pid))
}

/// Says that the next watchdog is due, after a pause.
fn later(pause_ns: u64, events: &Sender<Input>) {
    let due = events.clone();
    let wait = move || {
        pause(pause_ns);
        let _ = due.send(Input::GuardDue);
    };
    // Without a thread it is due at once.
    if pause_ns == 0 || Builder::new().name("watchdog".into()).spawn(wait).is_err() {
        let _ = events.send(Input::GuardDue);
    }
}

/// Its end of the link is closed, so it is dead or as good as dead.
fn reap(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It sees the end of the stream, finds nothing open and ends.
        let _ = self.link.flush();
        let _ = self.link.shutdown(std::net::Shutdown::Both);
    }
}
