//! Owns the connection to the agent: finds one, starts one where none answers, and carries
//! messages both ways.

use crate::core::Event;
use squall_wire::protocol::{
    Answer, Ask, Call, FromAgent, MESSAGE_BYTES_MAX, PROTOCOL_VERSION, encode,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// How long a welcome may take: the agent may be replaying receipts.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(5);
/// Between two attempts to connect: short against a restore of 100 ms.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Starts of an agent that are tried before it is left to a person.
const STARTS_MAX: u32 = 3;
/// The id of the greeting; the core's own ids begin at 1.
const GREETING: u64 = 0;

/// Starts an agent and returns once it answers, or says why it cannot.
pub type Start = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Where the agent is and how one is started.
#[derive(Clone)]
pub struct AgentLink {
    /// Its socket.
    pub socket: PathBuf,
    /// Who asks, for example `run 7k2f9`.
    pub by: String,
    /// Starts one where none answers; runs on a thread of its own and may block for seconds.
    pub start: Start,
}

/// What the task is told.
enum Order {
    Send(String),
    Reconnect,
}

/// The connection, kept by a task of its own.
pub(super) struct Link {
    orders: UnboundedSender<Order>,
    events: UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Link {
    pub(super) fn open(agent: AgentLink) -> Link {
        // Both queues are bounded by the core, which has a handful of calls under way at most.
        let (orders, received) = unbounded_channel();
        let (say, events) = unbounded_channel();
        let task = tokio::spawn(keep(agent, received, say));
        Link { orders, events, task }
    }

    pub(super) fn send(&self, call: u64, ask: Ask) {
        let line = encode(&Call { id: call, ask });
        // A task that is gone is told by `next`.
        _ = self.orders.send(Order::Send(line));
    }

    pub(super) fn reconnect(&self) {
        _ = self.orders.send(Order::Reconnect);
    }

    pub(super) async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One life after the other: connect, carry messages, report the end, wait for the order to
/// connect again.
async fn keep(agent: AgentLink, mut orders: UnboundedReceiver<Order>, say: UnboundedSender<Event>) {
    loop {
        let (lines, writes) = connect(&agent, &say).await;
        // Orders for an earlier connection are dead, and so are their answers.
        while orders.try_recv().is_ok() {}
        if say.send(Event::AgentUp).is_err() {
            return;
        }
        let why = match carry(lines, writes, &mut orders, &say).await {
            Ended::Told => None,
            Ended::By(why) => Some(why),
            Ended::Over => return,
        };
        if let Some(why) = why {
            if say.send(Event::AgentLost { why }).is_err() {
                return;
            }
            loop {
                match orders.recv().await {
                    Some(Order::Reconnect) => break,
                    Some(Order::Send(_)) => {}
                    None => return,
                }
            }
        }
    }
}

/// How a connection ended.
enum Ended {
    /// The core ordered another one.
    Told,
    /// The agent went away, or said what is no message.
    By(String),
    /// The run is over.
    Over,
}

async fn carry(
    mut lines: BufReader<OwnedReadHalf>,
    mut writes: OwnedWriteHalf,
    orders: &mut UnboundedReceiver<Order>,
    say: &UnboundedSender<Event>,
) -> Ended {
    let mut line = Vec::new();
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Send(text)) => {
                    if let Err(error) = writes.write_all(text.as_bytes()).await {
                        return Ended::By(error.to_string());
                    }
                }
                Some(Order::Reconnect) => return Ended::Told,
                None => return Ended::Over,
            },
            // `line` keeps what was read when this branch loses the race, so nothing is torn.
            read = read_line(&mut lines, &mut line) => {
                let event = match read.map(|()| serde_json::from_slice(&line)) {
                    Err(why) => return Ended::By(why),
                    Ok(Err(error)) => return Ended::By(format!("it sent no message: {error}")),
                    Ok(Ok(FromAgent::Notice(notice))) => Event::Notice(Box::new(notice)),
                    Ok(Ok(FromAgent::Reply(reply))) => {
                        Event::Reply { call: reply.id, answer: Box::new(reply.answer) }
                    }
                };
                line.clear();
                if say.send(event).is_err() {
                    return Ended::Over;
                }
            }
        }
    }
}

/// Tries until somebody answers. The core decides how long that is waited for.
async fn connect(
    agent: &AgentLink,
    say: &UnboundedSender<Event>,
) -> (BufReader<OwnedReadHalf>, OwnedWriteHalf) {
    let mut starts = 0;
    loop {
        match greet(agent).await {
            Ok(both) => return both,
            Err(Unanswered::Refused(why)) => {
                _ = say.send(Event::AgentFailed { why });
                return std::future::pending().await;
            }
            Err(Unanswered::Absent) if starts < STARTS_MAX => {
                starts += 1;
                let start = agent.start.clone();
                let started = tokio::task::spawn_blocking(move || start()).await;
                let why = match started {
                    Ok(Ok(())) => continue,
                    Ok(Err(why)) => why,
                    Err(_) => "the start of an agent failed inside".to_string(),
                };
                if starts == STARTS_MAX {
                    _ = say.send(Event::AgentFailed { why });
                }
            }
            Err(Unanswered::Absent) => {}
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

enum Unanswered {
    /// Nobody listens, or not yet.
    Absent,
    /// Somebody listens and will not talk to us.
    Refused(String),
}

async fn greet(
    agent: &AgentLink,
) -> Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf), Unanswered> {
    let absent = |_| Unanswered::Absent;
    let stream = UnixStream::connect(&agent.socket).await.map_err(absent)?;
    let (reads, mut writes) = stream.into_split();
    let mut lines = BufReader::new(reads);
    let hello = Ask::Hello { v: PROTOCOL_VERSION, by: agent.by.clone() };
    let hello = encode(&Call { id: GREETING, ask: hello });
    writes.write_all(hello.as_bytes()).await.map_err(absent)?;
    let mut line = Vec::new();
    let read = tokio::time::timeout(WELCOME_TIME_MAX, read_line(&mut lines, &mut line)).await;
    match read {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return Err(Unanswered::Absent),
    }
    let answer = match serde_json::from_slice(&line) {
        Ok(FromAgent::Reply(reply)) => reply.answer,
        _ => return Err(Unanswered::Refused("the agent's greeting is no message".into())),
    };
    match answer {
        Answer::Welcome { v: PROTOCOL_VERSION, .. } => Ok((lines, writes)),
        Answer::Welcome { v, version, .. } => Err(Unanswered::Refused(format!(
            "the running agent {version} speaks protocol {v}, this build {PROTOCOL_VERSION}; \
             end it with `squall undo` and start it anew"
        ))),
        Answer::Refused(refusal) => Err(Unanswered::Refused(match refusal.help {
            Some(help) => format!("{}; {help}", refusal.message),
            None => refusal.message,
        })),
        other => Err(Unanswered::Refused(format!("the agent greets with {other:?}"))),
    }
}

/// Reads one line, newline included, to the end of `line`. Canceling it loses nothing.
async fn read_line(lines: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> Result<(), String> {
    let room = (MESSAGE_BYTES_MAX + 1).saturating_sub(line.len()) as u64;
    match lines.take(room).read_until(b'\n', line).await {
        Ok(_) if line.ends_with(b"\n") => Ok(()),
        Ok(_) if line.len() > MESSAGE_BYTES_MAX => Err("its message is too long".into()),
        Ok(_) => Err("it closed the connection".into()),
        Err(error) => Err(error.to_string()),
    }
}
