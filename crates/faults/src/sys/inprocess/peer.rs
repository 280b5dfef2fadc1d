//! One connection a process: a thread that reads, and calls that wait for their answer.

use crate::effect::EffectError;
use crate::sys::process;
use squall_wire::identity::ProcessIdentity;
use squall_wire::protocol::{Registered, encode};
use squall_wire::sdk::{
    FromSdk, SDK_LINE_MAX, SDK_VERSION, SdkAck, SdkArm, SdkEvent, SdkHello, ToSdk,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Processes at once; a host has some hundred.
const PEERS_MAX: usize = 1_024;
/// How long a process may take to say hello, and to take a message.
const GREETING_MAX: Duration = Duration::from_secs(2);
/// How long it may take to answer: its own limit for a step is 5 s.
const ANSWER_MAX: Duration = Duration::from_secs(6);
/// The longest name that a process may give itself or a probe.
const NAME_BYTES_MAX: usize = 256;
/// Probes of one process.
const PROBES_MAX: usize = 256;

/// A process that is connected.
pub(super) struct Peer {
    registered: Registered,
    stream: UnixStream,
    /// `None` once the connection is gone: nobody waits for an answer that cannot come.
    waiting: Mutex<Option<BTreeMap<u64, SyncSender<SdkAck>>>>,
    /// What ended by itself, until its holder asks.
    ended: Mutex<BTreeMap<String, SdkEvent>>,
    /// What this agent has armed there.
    armed: Mutex<BTreeSet<String>>,
    next: AtomicU64,
}

static PEERS: Mutex<BTreeMap<u32, Arc<Peer>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No invariant spans a panic here: each change is one insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every process that is connected now, by pid.
pub fn registered() -> Vec<Registered> {
    lock(&PEERS).values().map(|peer| peer.registered.clone()).collect()
}

/// What this process has armed inside others, one line each.
pub fn armed() -> Vec<String> {
    let peers = lock(&PEERS);
    let of = |peer: &Arc<Peer>| {
        let pid = peer.registered.process.pid;
        lock(&peer.armed).iter().map(|id| format!("{id} in pid {pid}")).collect::<Vec<_>>()
    };
    peers.values().flat_map(of).collect()
}

/// The connection of a process.
pub(super) fn find(process: ProcessIdentity) -> Option<Arc<Peer>> {
    let peers = lock(&PEERS);
    peers.get(&process.pid).filter(|peer| peer.registered.process == process).cloned()
}

/// Serves one connection on the calling thread until it ends. `pid` is what the kernel says of
/// the peer; `version` is this build.
pub fn serve(stream: UnixStream, pid: u32, version: &str) {
    let mut lines = match stream.try_clone() {
        Ok(stream) => BufReader::new(stream),
        Err(_) => return,
    };
    let peer = match greet(&stream, &mut lines, pid, version) {
        Ok(peer) => peer,
        Err(message) => return refuse(&stream, message),
    };
    let _rest_is_read = read(&peer, &mut lines);
    // Nobody is left waiting, and the process sees the end: it disarms by itself.
    *lock(&peer.waiting) = None;
    let _gone = stream.shutdown(Shutdown::Both);
    let mut peers = lock(&PEERS);
    if peers.get(&pid).is_some_and(|now| Arc::ptr_eq(now, &peer)) {
        peers.remove(&pid);
    }
}

/// Tells a process that the agent does not talk to it, and hangs up.
pub fn refuse(mut stream: &UnixStream, message: String) {
    let _told = stream.write_all(encode(&ToSdk::Refused { message }).as_bytes());
    let _gone = stream.shutdown(Shutdown::Both);
}

fn greet(
    stream: &UnixStream,
    lines: &mut BufReader<UnixStream>,
    pid: u32,
    version: &str,
) -> Result<Arc<Peer>, String> {
    let timed = |error: io::Error| format!("the connection has no time-outs: {error}");
    stream.set_read_timeout(Some(GREETING_MAX)).map_err(timed)?;
    stream.set_write_timeout(Some(GREETING_MAX)).map_err(timed)?;
    let first = next(lines).map_err(|error| format!("no hello: {error}"))?;
    let Some(FromSdk::Hello(hello)) = first else {
        return Err("the first message is hello".to_owned());
    };
    check(&hello)?;
    let process = process::identity(pid).ok_or("the process is gone")?;
    stream.set_read_timeout(None).map_err(timed)?;
    let peer = Arc::new(Peer {
        registered: Registered { process, hello },
        stream: stream.try_clone().map_err(|error| format!("no descriptor left: {error}"))?,
        waiting: Mutex::new(Some(BTreeMap::new())),
        ended: Mutex::default(),
        armed: Mutex::default(),
        next: AtomicU64::new(1),
    });
    let welcome = ToSdk::Welcome { v: SDK_VERSION, version: version.to_owned() };
    // Said before it can be found, so that the welcome is the first thing it hears.
    peer.say(&welcome).map_err(|error| format!("not heard: {error}"))?;
    let mut peers = lock(&PEERS);
    if peers.len() >= PEERS_MAX && !peers.contains_key(&pid) {
        return Err(format!("{PEERS_MAX} processes are registered already"));
    }
    if let Some(before) = peers.insert(pid, Arc::clone(&peer)) {
        // The same process again: its old connection is one that it has given up.
        let _gone = before.stream.shutdown(Shutdown::Both);
    }
    Ok(peer)
}

fn check(hello: &SdkHello) -> Result<(), String> {
    if hello.v != SDK_VERSION {
        return Err(format!("this agent speaks version {SDK_VERSION} of the SDK's protocol"));
    }
    let labels = hello.labels.iter().flat_map(|(key, value)| [key, value]);
    let names = [&hello.service, &hello.instance, &hello.sdk, &hello.go];
    let mut names = names.into_iter().chain(labels).chain(&hello.probes);
    if hello.probes.len() > PROBES_MAX || names.any(|name| name.len() > NAME_BYTES_MAX) {
        return Err(format!(
            "at most {PROBES_MAX} probes, and names of {NAME_BYTES_MAX} bytes, are registered"
        ));
    }
    Ok(())
}

/// The next message; none where the process has hung up.
fn next(lines: &mut BufReader<UnixStream>) -> io::Result<Option<FromSdk>> {
    let mut line = Vec::new();
    lines.by_ref().take(SDK_LINE_MAX as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

fn read(peer: &Peer, lines: &mut BufReader<UnixStream>) -> io::Result<()> {
    while let Some(message) = next(lines)? {
        match message {
            FromSdk::Hello(_) => return Ok(()),
            FromSdk::Ack(ack) => {
                let waits = lock(&peer.waiting).as_mut().and_then(|all| all.remove(&ack.call));
                if let Some(waits) = waits {
                    // Whoever asked may have given up meanwhile.
                    let _late = waits.try_send(ack).is_err();
                }
            }
            FromSdk::Event(event) => {
                lock(&peer.armed).remove(&event.id);
                let mut ended = lock(&peer.ended);
                // One that keeps ending what nobody armed fills no memory.
                if ended.len() < PROBES_MAX {
                    ended.insert(event.id.clone(), event);
                }
            }
        }
    }
    Ok(())
}

impl Peer {
    /// What it says of itself.
    pub(super) fn hello(&self) -> &SdkHello {
        &self.registered.hello
    }

    /// True while the connection stands.
    pub(super) fn is_connected(&self) -> bool {
        lock(&self.waiting).is_some()
    }

    /// What is known of a fault that ended by itself.
    pub(super) fn take_ended(&self, id: &str) -> Option<SdkEvent> {
        lock(&self.ended).remove(id)
    }

    fn say(&self, message: &ToSdk) -> io::Result<()> {
        (&self.stream).write_all(encode(message).as_bytes())
    }

    /// Arms a fault.
    pub(super) fn arm(&self, arm: impl FnOnce(u64) -> SdkArm, id: &str) -> Result<(), EffectError> {
        // Noted before it is asked for: an answer that is lost may mean that it is armed.
        lock(&self.armed).insert(id.to_owned());
        let armed = self.call(|call| ToSdk::Arm(arm(call))).map(drop);
        if armed.is_err() {
            lock(&self.armed).remove(id);
        }
        armed
    }

    /// Disarms a fault; one that is not armed any more is well.
    pub(super) fn disarm(&self, id: &str) {
        let _gone_already = self.call(|call| ToSdk::Disarm { call, id: id.to_owned() });
        lock(&self.armed).remove(id);
    }

    /// Asks, and waits for the answer.
    pub(super) fn call(&self, ask: impl FnOnce(u64) -> ToSdk) -> Result<SdkAck, EffectError> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (answers, answer) = sync_channel(1);
        match lock(&self.waiting).as_mut() {
            Some(waiting) => drop(waiting.insert(call, answers)),
            None => return Err(gone()),
        }
        if let Err(source) = self.say(&ask(call)) {
            // Half a line would make nonsense of the next one.
            let _gone = self.stream.shutdown(Shutdown::Both);
            return Err(EffectError::System { step: "tell the process", source });
        }
        let got = self.await_answer(&answer);
        if let Some(waiting) = lock(&self.waiting).as_mut() {
            waiting.remove(&call);
        }
        let ack = got?;
        match ack.error {
            Some(error) => Err(EffectError::InTheWay(error)),
            None => Ok(ack),
        }
    }

    fn await_answer(&self, answer: &Receiver<SdkAck>) -> Result<SdkAck, EffectError> {
        answer.recv_timeout(ANSWER_MAX).map_err(|_| {
            if self.is_connected() {
                let text = format!("the process has not answered in {} s", ANSWER_MAX.as_secs());
                EffectError::InTheWay(text)
            } else {
                gone()
            }
        })
    }
}

fn gone() -> EffectError {
    let text = "the process has left the agent; it disarms by itself then".to_owned();
    EffectError::InTheWay(text)
}
