//! A small blocking client of the agent, for verbs and tests.

use squall_wire::protocol::{
    Answer, Ask, Call, FromAgent, MESSAGE_BYTES_MAX, Notice, PROTOCOL_VERSION, Refusal, encode,
};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take: a fault's step, its retries, and a busy host.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// Notices kept for a caller that asks for none; the oldest go first.
const NOTICES_MAX: usize = 256;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The agent's build.
    pub version: String,
    /// The agent's pid.
    pub pid: u32,
    /// The watchdog's pid.
    pub watchdog: u32,
}

/// A connection to an agent.
#[derive(Debug)]
pub struct Client {
    lines: BufReader<UnixStream>,
    next_id: u64,
    notices: VecDeque<Notice>,
    greeting: Greeting,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens.
    #[error("no agent answers on {path}: {source}")]
    Absent {
        /// The socket.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The agent is gone.
    #[error("the agent closed the connection")]
    Closed,
    /// Nothing came for too long, or the socket failed.
    #[error("talking to the agent: {0}")]
    Io(#[source] io::Error),
    /// What came is no message.
    #[error("the agent sent something else than a message: {0}")]
    Garbled(String),
    /// The agent will not do it.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl ClientError {
    /// True where a new agent may be started instead.
    pub fn is_absent(&self) -> bool {
        matches!(self, ClientError::Absent { .. } | ClientError::Closed)
    }
}

impl Client {
    /// Connects and greets; `by` is who asks, for example `run 7k2f9`.
    ///
    /// # Errors
    /// When nobody answers, or refuses.
    pub fn connect(socket: &Path, by: &str) -> Result<Client, ClientError> {
        Client::connect_within(socket, by, ANSWER_TIME_MAX)
    }

    /// As [`Client::connect`], with another limit for the greeting alone.
    ///
    /// # Errors
    /// When nobody answers in time, or refuses.
    pub fn connect_within(
        socket: &Path,
        by: &str,
        within: Duration,
    ) -> Result<Client, ClientError> {
        let stream = UnixStream::connect(socket);
        let stream =
            stream.map_err(|source| ClientError::Absent { path: socket.into(), source })?;
        stream.set_read_timeout(Some(within)).map_err(ClientError::Io)?;
        stream.set_write_timeout(Some(ANSWER_TIME_MAX)).map_err(ClientError::Io)?;
        let greeting = Greeting { version: String::new(), pid: 0, watchdog: 0 };
        let notices = VecDeque::new();
        let mut client = Client { lines: BufReader::new(stream), next_id: 1, notices, greeting };
        match client.call(Ask::Hello { v: PROTOCOL_VERSION, by: by.into() })? {
            Answer::Welcome { version, pid, watchdog, .. } => {
                client.greeting = Greeting { version, pid, watchdog };
                let usual = client.lines.get_ref().set_read_timeout(Some(ANSWER_TIME_MAX));
                usual.map_err(ClientError::Io)?;
                Ok(client)
            }
            other => Err(ClientError::Garbled(format!("{other:?} to a greeting"))),
        }
    }

    /// Who answers.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Asks and waits for the answer. A refusal is an error.
    ///
    /// # Errors
    /// When the agent refuses, is gone, or says nothing for [`ANSWER_TIME_MAX`].
    pub fn call(&mut self, ask: Ask) -> Result<Answer, ClientError> {
        let id = self.send(ask)?;
        loop {
            match self.receive()? {
                FromAgent::Reply(reply) if reply.id == id || reply.id == 0 => {
                    return match reply.answer {
                        Answer::Refused(refusal) => Err(ClientError::Refused(refusal)),
                        answer => Ok(answer),
                    };
                }
                // An answer to a call that somebody gave up on.
                FromAgent::Reply(_) => {}
                FromAgent::Notice(notice) => self.keep(notice),
            }
        }
    }

    /// Sends a call without waiting; returns its id.
    ///
    /// # Errors
    /// When the agent is gone.
    pub fn send(&mut self, ask: Ask) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let line = encode(&Call { id, ask });
        match self.lines.get_mut().write_all(line.as_bytes()) {
            Ok(()) => Ok(id),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClientError::Closed),
            Err(error) => Err(ClientError::Io(error)),
        }
    }

    /// The oldest notice not yet taken; waits for one up to `within`.
    ///
    /// # Errors
    /// When the agent is gone, or nothing came in time.
    pub fn notice(&mut self, within: Duration) -> Result<Notice, ClientError> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(notice);
            }
            self.lines.get_ref().set_read_timeout(Some(within)).map_err(ClientError::Io)?;
            let received = self.receive();
            let usual = self.lines.get_ref().set_read_timeout(Some(ANSWER_TIME_MAX));
            usual.map_err(ClientError::Io)?;
            if let FromAgent::Notice(notice) = received? {
                self.keep(notice);
            }
        }
    }

    fn keep(&mut self, notice: Notice) {
        if self.notices.len() >= NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    fn receive(&mut self) -> Result<FromAgent, ClientError> {
        let mut line = Vec::new();
        let read = self.lines.by_ref().take(MESSAGE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Err(ClientError::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(ClientError::Closed);
            }
            Err(error) => return Err(ClientError::Io(error)),
        }
        serde_json::from_slice(&line).map_err(|error| ClientError::Garbled(error.to_string()))
    }
}
