//! One client: a thread that reads its calls, and one that writes what its socket does not take at
//! once.

use super::{CLIENTS_MAX, Input};
use crate::core::{Client, Event};
use rustix::net::{SendFlags, send};
use squall_wire::protocol::{Answer, Call, FromAgent, MESSAGE_BYTES_MAX, Refusal, Reply, encode};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Messages that wait for a slow reader: more than a run ever has under way.
const QUEUE_MAX: usize = 256;
/// How long one message may take to leave; a peer that reads nothing for longer is cut off.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    stream: UnixStream,
    outbox: Outbox,
    writer: JoinHandle<()>,
}

/// The way to the thread that writes.
#[derive(Clone)]
struct Outbox {
    queue: SyncSender<String>,
    shared: Arc<Shared>,
}

/// What those who write to one socket know together.
#[derive(Default)]
struct Shared {
    /// Messages that the thread has not written yet.
    waiting: AtomicUsize,
    /// What of a message did not fit into the socket. Whoever has the lock may write.
    rest: Mutex<Vec<u8>>,
}

impl Connection {
    pub(super) fn start(
        client: Client,
        stream: UnixStream,
        events: Sender<Input>,
    ) -> io::Result<Connection> {
        stream.set_write_timeout(Some(WRITE_TIME_MAX))?;
        let (queue, messages) = sync_channel(QUEUE_MAX);
        let outbox = Outbox { queue, shared: Arc::default() };
        let (out, shared) = (stream.try_clone()?, Arc::clone(&outbox.shared));
        let write = move || write(out, &messages, &shared);
        let writer = Builder::new().name("write".into()).spawn(write)?;
        let (from, to) = (stream.try_clone()?, outbox.clone());
        let read = move || {
            read(client, &from, &events, &to);
            let _ = events.send(Event::Left { client }.into());
        };
        Builder::new().name("read".into()).spawn(read)?;
        Ok(Connection { stream, outbox, writer })
    }

    /// Sends a message, or queues what the socket does not take now; false when the queue is full.
    pub(super) fn say(&self, message: &FromAgent) -> bool {
        let text = encode(message);
        match self.sent_at_once(text.as_bytes()) {
            Some(sent) => sent,
            None => self.outbox.put(text),
        }
    }

    /// Writes without waiting where nothing waits to be written, which saves whoever is told that
    /// another thread wakes up first. `None` where nothing was written.
    fn sent_at_once(&self, text: &[u8]) -> Option<bool> {
        let mut rest = self.outbox.shared.rest.try_lock().ok()?;
        if self.outbox.shared.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        // The thread waits for room, and finds out who has gone.
        let sent = send(&self.stream, text, flags).ok()?;
        if sent == text.len() {
            return Some(true);
        }
        rest.extend_from_slice(&text[sent..]);
        drop(rest);
        Some(self.outbox.put(String::new()))
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the connection once everything is sent.
    pub(super) fn finish(self) {
        let _ = self.stream.shutdown(Shutdown::Read);
        drop(self.outbox);
        let _ = self.writer.join();
    }
}

impl Outbox {
    /// Queues a message; false when there are too many.
    fn put(&self, text: String) -> bool {
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        let put = self.queue.try_send(text).is_ok();
        if !put {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        put
    }
}

fn write(mut stream: UnixStream, messages: &Receiver<String>, shared: &Shared) {
    while let Ok(message) = messages.recv() {
        let mut rest = shared.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = std::mem::take(&mut *rest);
        let written = stream.write_all(&begun).and_then(|()| stream.write_all(message.as_bytes()));
        // Under the lock: whoever has it next finds everything written, or this one waiting.
        shared.waiting.fetch_sub(1, Ordering::AcqRel);
        if written.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(client: Client, from: &UnixStream, events: &Sender<Input>, to: &Outbox) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(MESSAGE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        match read {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') {
            if line.len() >= MESSAGE_BYTES_MAX {
                refuse(to, format!("a message is longer than {MESSAGE_BYTES_MAX} bytes"));
            }
            return;
        }
        match serde_json::from_slice::<Call>(&line) {
            Ok(call) => {
                let call = Box::new(call);
                if events.send(Event::Called { client, call }.into()).is_err() {
                    return;
                }
            }
            Err(error) => return refuse(to, format!("not a message of this protocol: {error}")),
        }
    }
}

fn refuse(to: &Outbox, message: String) {
    let help = "use the same build of squall for the run and the agent";
    let _ = to.put(refusal("protocol", message, help));
}

/// Tells a peer that there are too many.
pub(super) fn refuse_full(mut stream: &UnixStream) {
    let message = format!("{CLIENTS_MAX} clients are connected already");
    // Never waits: a fresh socket has room for one line.
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(refusal("full", message, "wait for a run to end").as_bytes());
}

/// A refusal outside any call, as a line.
fn refusal(code: &str, message: String, help: &str) -> String {
    let help = Some(help.to_owned());
    let answer = Answer::Refused(Refusal { code: code.into(), message, help });
    encode(&FromAgent::Reply(Reply { id: 0, answer }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use std::sync::mpsc::channel;

    /// More than a socket takes while nobody reads, so that messages are cut, queued and written
    /// by either side.
    #[test]
    fn all_messages_arrive_whole_and_in_order_however_slowly_they_are_read() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (events, _queue) = channel();
        let connection = Connection::start(Client(0), ours, events).unwrap();
        let message = |id| {
            let answer = Answer::Refused(Refusal {
                code: "x".repeat(9_000),
                message: String::new(),
                help: None,
            });
            FromAgent::Reply(Reply { id, answer })
        };
        const MESSAGES: u64 = 200;
        let reader = std::thread::spawn(move || {
            BufReader::new(theirs).lines().map(Result::unwrap).collect::<Vec<_>>()
        });
        for id in 0..MESSAGES {
            assert!(connection.say(&message(id)));
        }
        connection.finish();
        let lines = reader.join().unwrap();
        assert_eq!(lines.len() as u64, MESSAGES);
        for (id, line) in lines.iter().enumerate() {
            assert_eq!(format!("{line}\n"), encode(&message(id as u64)));
        }
    }
}
