//! Starts an agent in the background when none answers.

use crate::client::{Client, ClientError};
use crate::paths::Paths;
use crate::watchdog::pause;
use squall_faults::sys::clock;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// How long a new agent may take to answer: some ms as a rule, seconds on a host that swaps.
const START_NS_MAX: u64 = 10 * 1_000_000_000;
/// Between two attempts to connect; short against the start of a process.
const LOOK_AGAIN_NS: u64 = 500_000;

/// Why no agent answers.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program cannot be started.
    #[error("start {program}: {source}")]
    Program {
        /// The program.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// It ended instead of answering; what it said is on standard error.
    #[error("the agent ended with {0} before it answered; it said why")]
    Ended(std::process::ExitStatus),
    /// It neither answers nor ends.
    #[error("the agent did not answer in time: {0}")]
    Silent(#[source] ClientError),
    /// An agent answers, but not as it should.
    #[error(transparent)]
    Client(ClientError),
}

/// Connects to the agent, and starts one as `PROGRAM agent …ARGS` when none answers. It gets a
/// session of its own and outlives the caller only as long as `ARGS` say. `by` is who asks.
///
/// # Errors
/// When no agent answers in the end.
pub fn ensure(
    paths: &Paths,
    program: &Path,
    args: &[&str],
    by: &str,
) -> Result<Client, SpawnError> {
    match Client::connect(&paths.socket, by) {
        Ok(client) => return Ok(client),
        Err(error) if error.is_absent() => {}
        Err(error) => return Err(SpawnError::Client(error)),
    }
    let system = |source| SpawnError::Program { program: program.display().to_string(), source };
    let mut child = Command::new(program)
        .arg("agent")
        .args(args)
        .env("SQUALL_STATE", &paths.state_dir)
        .env("SQUALL_SOCKET", &paths.socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(system)?;
    let give_up_ns = clock::boottime_ns() + START_NS_MAX;
    loop {
        let error = match Client::connect(&paths.socket, by) {
            Ok(client) => return Ok(client),
            Err(error) if error.is_absent() => error,
            Err(error) => return Err(SpawnError::Client(error)),
        };
        if clock::boottime_ns() > give_up_ns {
            return Err(SpawnError::Silent(error));
        }
        if let Ok(Some(status)) = child.try_wait() {
            // Another one may have won the race for the socket.
            return Client::connect(&paths.socket, by).map_err(|_| SpawnError::Ended(status));
        }
        pause(LOOK_AGAIN_NS);
    }
}
