//! One client: a thread that reads its calls and one that writes what it is told.

use super::{CLIENTS_MAX, Input};
use crate::core::{Client, Event};
use squall_wire::protocol::{Answer, Call, FromAgent, MESSAGE_BYTES_MAX, Refusal, Reply, encode};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Messages that wait for a slow reader: more than a run ever has under way.
const QUEUE_MAX: usize = 256;
/// How long one message may take to leave; a peer that reads nothing for longer is cut off.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    stream: UnixStream,
    queue: SyncSender<String>,
    writer: JoinHandle<()>,
}

impl Connection {
    pub(super) fn start(
        client: Client,
        stream: UnixStream,
        events: Sender<Input>,
    ) -> io::Result<Connection> {
        stream.set_write_timeout(Some(WRITE_TIME_MAX))?;
        let (queue, messages) = sync_channel(QUEUE_MAX);
        let out = stream.try_clone()?;
        let writer = Builder::new().name("write".into()).spawn(move || write(out, &messages))?;
        let (from, to) = (stream.try_clone()?, queue.clone());
        let read = move || {
            read(client, &from, &events, &to);
            let _ = events.send(Event::Left { client }.into());
        };
        Builder::new().name("read".into()).spawn(read)?;
        Ok(Connection { stream, queue, writer })
    }

    /// Queues a message; false when the queue is full.
    pub(super) fn say(&self, message: &FromAgent) -> bool {
        self.queue.try_send(encode(message)).is_ok()
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the connection once everything is sent.
    pub(super) fn finish(self) {
        let _ = self.stream.shutdown(Shutdown::Read);
        drop(self.queue);
        let _ = self.writer.join();
    }
}

fn write(mut stream: UnixStream, messages: &Receiver<String>) {
    while let Ok(message) = messages.recv() {
        if stream.write_all(message.as_bytes()).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(client: Client, from: &UnixStream, events: &Sender<Input>, to: &SyncSender<String>) {
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

fn refuse(to: &SyncSender<String>, message: String) {
    let help = "use the same build of squall for the run and the agent";
    let _ = to.try_send(refusal("protocol", message, help));
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
