//! Starts the burner in the target's cgroups, holds it, and finds it again by its token.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::burner::{self, BURN_ARGUMENT, Load};
use crate::sys::process::{self, Handle, system};
use crate::sys::{bpf, cgroup, clock};
use crate::values::Checked;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::io::{self, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &CpuLoad;

/// How long a revert waits for a killed burner to be gone.
const GONE_NS_MAX: u64 = 1_000_000_000;
/// What is not made up for by the next rounds, in points of a core.
const CLOSE: f64 = 1.0;
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

struct CpuLoad;

/// What undoes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    /// The argument by which the burner is found.
    token: String,
}

struct Held {
    load: Load,
    pid: u32,
    input: ChildStdin,
    since_ns: u64,
    groups: String,
    /// Dropped to end the burner.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Effect for CpuLoad {
    fn prepare(&self, injection: &Injection, _values: &Checked) -> Result<Value, EffectError> {
        Handle::open(injection.target.process)?;
        let hash = bpf::token(&injection.run, &injection.id);
        let undo = Undo { token: format!("{}-{}-{hash:016x}", injection.run, injection.id) };
        Ok(serde_json::to_value(undo).expect("invariant: an undo is JSON-safe"))
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let groups = cgroup::groups(receipt.process.pid)?;
        // Read, then checked: a reused pid cannot have given its groups.
        Handle::open(receipt.process)?;
        let load = Load {
            token: undo(receipt)?.token,
            share: values.share("percent"),
            cores: u32::try_from(values.integer("cores")).unwrap_or(1),
        };
        let named = groups.iter().filter(|group| group.path != "/").map(|group| &group.path);
        let named: std::collections::BTreeSet<_> = named.collect();
        let named: Vec<_> = named.into_iter().map(String::as_str).collect();
        let names = if named.is_empty() { "/".to_owned() } else { named.join(", ") };
        let (child, input, end, thread) = spawn(&load).map_err(system("start the burner"))?;
        let mut held = Held {
            load,
            pid: child,
            input,
            since_ns: clock::monotonic_ns(),
            groups: names,
            end: Some(end),
            thread: Some(thread),
        };
        // It burns nothing before it has its first lease.
        cgroup::join(child, &groups)?;
        held.extend(lease)?;
        Ok(Box::new(held))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let token = undo(receipt)?.token;
        for burner in burners(&token) {
            match Handle::open(burner).and_then(|handle| handle.signal(Signal::KILL)) {
                Ok(()) | Err(EffectError::TargetGone) => {}
                Err(error) => return Err(error),
            }
        }
        let end = clock::monotonic_ns() + GONE_NS_MAX;
        while !burners(&token).is_empty() && clock::monotonic_ns() < end {
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let left = burners(&undo(receipt)?.token);
        Ok(left.iter().map(|burner| format!("pid {} still burns", burner.pid)).collect())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        let token = undo(receipt).map(|undo| undo.token).unwrap_or_default();
        let pids: Vec<_> = burners(&token).iter().map(|own| own.pid.to_string()).collect();
        format!("kill -KILL {}", pids.join(" "))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.end.take());
        // The thread kills and reaps; its own panic would still end the burner.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let asked = self.load.share * 100.0 * f64::from(self.load.cores);
        let Ok(used_ns) = clock::process_cpu_ns(self.pid) else {
            let detail = "the burner is gone: it was killed, or its lease ran out".to_owned();
            let delivered = Some(0.0);
            return Ok(Bite { seen: 1, asked: Some(asked), delivered, detail, ..Bite::default() });
        };
        let elapsed_ns = clock::monotonic_ns().saturating_sub(self.since_ns).max(1);
        let delivered = used_ns as f64 / elapsed_ns as f64 * 100.0;
        let mut detail = format!("asked {asked:.1}%, got {delivered:.1}%");
        if asked - delivered > CLOSE {
            detail += ": the host or the target's quota had no more CPU to give";
        }
        Ok(Bite {
            hits: u64::from(used_ns > 0),
            seen: 1,
            asked: Some(asked),
            delivered: Some(delivered),
            detail,
            ..Bite::default()
        })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        match self.input.write_all(&lease.boottime_ns.to_ne_bytes()) {
            // It still has earlier renewals to read; frozen, it burns nothing either.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent.map_err(system("renew the burner's lease")),
        }
    }

    fn mechanism(&self) -> String {
        format!("{} in {}", burner::BURN_NAME, self.groups)
    }
}

type Started = (u32, ChildStdin, Sender<()>, JoinHandle<()>);

/// Starts the burner from a thread that lives as long as it: the kernel ties the burner's life
/// to the thread that started it, not to the process.
fn spawn(load: &Load) -> io::Result<Started> {
    let (started, wait_started) = channel();
    let (end, wait_end) = channel::<()>();
    let load = load.clone();
    let body = move || {
        let mut child = match burner::start(&load) {
            Ok(child) => child,
            Err(error) => return drop(started.send(Err(error))),
        };
        let input = child.stdin.take().expect("invariant: the input is piped");
        // A burner that is frozen with its target reads nothing; a renewal must not wait for it.
        let _checked_by_the_write = rustix::io::ioctl_fionbio(&input, true);
        if started.send(Ok((child.id(), input))).is_ok() {
            // Nothing is ever sent; the holder drops its end.
            let _dropped = wait_end.recv();
        }
        end_child(&mut child);
    };
    let thread = thread::Builder::new().name("squall-burner".to_owned()).spawn(body)?;
    let died = |_| Err(io::Error::other("the thread died"));
    let (pid, input) = wait_started.recv().unwrap_or_else(died)?;
    Ok((pid, input, end, thread))
}

fn end_child(child: &mut Child) {
    // One that ended by itself can be neither killed nor waited for in vain.
    let _ended = child.kill();
    let _reaped = child.wait();
}

/// The burners of one injection, whoever started them.
fn burners(token: &str) -> Vec<ProcessIdentity> {
    let is_meant = |pid: u32| {
        let words = process::command_line(pid);
        words.windows(2).any(|pair| pair[0] == BURN_ARGUMENT && pair[1] == token)
    };
    let all = process::all().into_iter().filter(|(_, stat)| stat.state != 'Z');
    let all = all.filter(|(pid, _)| is_meant(*pid));
    all.map(|(pid, stat)| ProcessIdentity { pid, start_ticks: stat.start_ticks }).collect()
}

fn undo(receipt: &Receipt) -> Result<Undo, EffectError> {
    let undo = Undo::deserialize(&receipt.undo);
    undo.map_err(|error| EffectError::ForeignReceipt(error.to_string()))
}
