//! This host: the agent, its children, and what is armed.

use squall_agent::client::Client;
use squall_agent::paths::Paths;
use squall_agent::privilege;
use squall_agent::watchdog;
use squall_faults::sys::worker;
use squall_wire::fingerprint::Fingerprint;
use squall_wire::protocol::{Answer, ArmedLine, Ask, Registered};
use squall_wire::target::Inventory;
use std::path::Path;
use std::process::ExitCode;

/// What a child of the agent runs instead of the command line.
pub(crate) type Child = fn(Vec<String>) -> ExitCode;

/// The programs inside this binary that only the agent starts.
pub(crate) fn child_of_agent(word: &str) -> Option<Child> {
    match word {
        "agent-watchdog" => Some(watch),
        worker::WORK_ARGUMENT => Some(work),
        _ => None,
    }
}

fn watch(words: Vec<String>) -> ExitCode {
    let pid = words.get(1).and_then(|word| word.parse().ok());
    let (Some(folder), Some(pid)) = (words.first(), pid) else {
        return ExitCode::from(2);
    };
    ExitCode::from(watchdog::main(Path::new(folder), pid))
}

fn work(words: Vec<String>) -> ExitCode {
    worker::main(words.into_iter().map(Into::into))
}

/// Every process of this host, with the probes of those that have registered with the agent.
pub(crate) fn inventory() -> Inventory {
    // The agent is asked meanwhile: both take a millisecond or more.
    let (mut inventory, registered) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| registered().unwrap_or_default());
        (squall_agent::inventory::scan(), asked.join().unwrap_or_default())
    });
    for Registered { process, hello } in registered {
        let same = inventory.processes.iter_mut().find(|found| found.process == process);
        if let Some(found) = same {
            found.probes = hello.probes;
        }
    }
    inventory
}

/// The processes that have registered through the SDK; none where no agent runs.
pub(crate) fn registered() -> Result<Vec<Registered>, String> {
    let paths = Paths::from_env();
    let mut client = match Client::connect(&paths.socket, "squall targets") {
        Ok(client) => client,
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    match client.call(Ask::Processes) {
        Ok(Answer::Processes { registered }) => Ok(registered),
        Ok(other) => Err(format!("the agent answered {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The host's state around these processes: as the agent reads it, which knows what processes with
/// the SDK hold, or read here where none runs.
pub(crate) fn fingerprint(pids: &[u32]) -> Result<Fingerprint, String> {
    let paths = Paths::from_env();
    let mut client = match Client::connect(&paths.socket, "squall fingerprint") {
        Ok(client) => client,
        Err(error) if error.is_absent() => {
            return Ok(squall_faults::sys::fingerprint::fingerprint(pids));
        }
        Err(error) => return Err(error.to_string()),
    };
    match client.call(Ask::Fingerprint { pids: pids.to_vec() }) {
        Ok(Answer::Fingerprint(print)) => Ok(print),
        Ok(other) => Err(format!("the agent answered {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The pid of the agent, its capabilities by name, and how many it should not have.
pub(crate) fn agent_privileges() -> Option<(u32, Vec<&'static str>, u32)> {
    let client = Client::connect(&Paths::from_env().socket, "squall doctor").ok()?;
    let pid = client.greeting().pid;
    let (effective, _) = privilege::of_process(pid)?;
    let (names, others) = privilege::named(effective);
    Some((pid, names, others))
}

/// What is armed on this host; nothing where no agent runs.
pub(crate) fn armed() -> Result<Vec<ArmedLine>, String> {
    let paths = Paths::from_env();
    let mut client = match Client::connect(&paths.socket, "squall faults --armed") {
        Ok(client) => client,
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    match client.call(Ask::Status) {
        Ok(Answer::Status { armed, .. }) => Ok(armed),
        Ok(other) => Err(format!("the agent answered {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// A moment as a person reads it, in UTC.
pub(crate) fn clock_time(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| unix_ms.to_string(), |t| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
