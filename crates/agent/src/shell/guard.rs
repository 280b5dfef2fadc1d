//! The agent's end of the link to its watchdog, and the next watchdog when one dies.

use super::{Input, Options};
use crate::watchdog::{READY, pause};
use squall_faults::sys::clock;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::Builder;

/// Watchdogs that died young and were replaced at once; the next ones are replaced slowly,
/// because something on this host kills them and starting processes is no rest.
const YOUNG_DEATHS_MAX: u32 = 5;
/// A watchdog that lived this long did not die young.
const GROWN_NS: u64 = 10 * 1_000_000_000;
/// The pause before the next one is started. Nothing new is armed meanwhile.
const SLOW_NS: u64 = 200 * 1_000_000;

pub(super) struct Guard {
    program: OsString,
    state_dir: OsString,
    link: UnixStream,
    pid: u32,
    ready: bool,
    young_deaths: u32,
    since_ns: u64,
}

impl Guard {
    pub(super) fn start(options: &Options, events: &Sender<Input>) -> io::Result<Guard> {
        let program = options.program.clone().into_os_string();
        let state_dir = options.paths.state_dir.clone().into_os_string();
        let (link, pid) = spawn(&program, &state_dir, events, 0)?;
        let since_ns = clock::boottime_ns();
        Ok(Guard { program, state_dir, link, pid, ready: false, young_deaths: 0, since_ns })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Notes that a watchdog keeps guard; false for one of the past.
    pub(super) fn ready(&mut self, pid: u32) -> bool {
        self.ready |= pid == self.pid;
        self.ready
    }

    /// Starts the next watchdog in place of one that died; true when there is a new one.
    pub(super) fn gone(&mut self, pid: u32, events: &Sender<Input>) -> bool {
        if pid != self.pid {
            return false;
        }
        self.ready = false;
        let now_ns = clock::boottime_ns();
        let young = now_ns.saturating_sub(self.since_ns) < GROWN_NS;
        self.young_deaths = if young { self.young_deaths + 1 } else { 0 };
        self.since_ns = now_ns;
        let pause_ns = if self.young_deaths > YOUNG_DEATHS_MAX { SLOW_NS } else { 0 };
        match spawn(&self.program, &self.state_dir, events, pause_ns) {
            Ok((link, pid)) => {
                (self.link, self.pid) = (link, pid);
                true
            }
            Err(error) => {
                crate::say::say(format_args!(
                    "squall agent: the watchdog cannot be started again: {error}"
                ));
                let events = events.clone();
                let again = move || {
                    pause(SLOW_NS);
                    let _ = events.send(Input::GuardGone(pid));
                };
                let _ = Builder::new().name("watchdog".into()).spawn(again);
                false
            }
        }
    }

    pub(super) fn watch(&self, receipt: &str, deadline_ns: u64) {
        self.tell(&format!("watch {deadline_ns} {receipt}\n"));
    }

    pub(super) fn unwatch(&self, receipt: &str) {
        self.tell(&format!("unwatch {receipt}\n"));
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
    pause_ns: u64,
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
        pause(pause_ns);
        let _ = events.send(Input::GuardGone(pid));
    };
    Builder::new().name("watchdog".into()).spawn(listen)?;
    Ok((ours, pid))
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
