//! The agent as a process: threads that wait, one queue, one loop that asks the core.
//!
//! Every thread blocks on exactly one thing (a socket, a disk, a process, a signal) and sends
//! what happened into the queue; only the loop owns the core. At rest nothing wakes up.

mod connection;
mod disk;
mod exits;
mod guard;
mod listen;
mod look;
pub mod processes;
pub(crate) mod signals;
pub mod spawn;

use crate::core::{Client, Command, Config, Core, Event};
use crate::effector::{Effector, Job};
use crate::journal::{Journal, JournalError};
use crate::paths::Paths;
use crate::privilege;
use crate::say;
use connection::Connection;
use disk::{Disk, Write};
use exits::Exits;
use guard::Guard;
use squall_faults::catalog;
use squall_faults::sys::{bpf, clock, inprocess, process, spares};
use squall_faults::values::check;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, FromAgent, Reply};
use squall_wire::receipt::Receipt;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// What lists of processes call it; other agents know it by the first half.
const NAME: &str = "squall-agent";
/// Connections at once; a person and a few runs need fewer than ten.
pub const CLIENTS_MAX: usize = 32;
/// How long a starting agent waits for the journal of one that is just dying.
const TAKE_NS_MAX: u64 = 3 * 1_000_000_000;
/// When a new agent warms up for BPF: after a short run without it is over, before any baseline.
const WARM_AFTER: Duration = Duration::from_millis(100);

/// How to run an agent.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it lives.
    pub paths: Paths,
    /// Ends it this long after its last client left with nothing armed; absent: never.
    pub idle_exit: Option<Duration>,
    /// The program that is started as `PROGRAM agent-watchdog STATE_DIR AGENT_PID`.
    pub program: PathBuf,
    /// This build, for `Welcome`.
    pub version: String,
    /// Users beside root and the agent's own whose processes may register through the SDK.
    pub sdk_users: Vec<u32>,
}

impl Options {
    /// An agent of this very program, at the usual places.
    pub fn new(version: &str) -> Options {
        Options {
            paths: Paths::from_env(),
            idle_exit: None,
            program: "/proc/self/exe".into(),
            version: version.into(),
            sdk_users: Vec::new(),
        }
    }
}

/// Why an agent cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not root.
    #[error("an agent has to be root: it signals, and loads programs for, other users' processes")]
    NotRoot,
    /// Another agent is here.
    #[error("an agent already answers on {0}")]
    Running(PathBuf),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The socket cannot be opened.
    #[error("open the socket {path}: {source}")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The watchdog or a thread cannot be started.
    #[error("{step}: {source}")]
    Start {
        /// What was being started.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl ServeError {
    /// What a person can do about it.
    pub fn help(&self) -> String {
        match self {
            ServeError::NotRoot => "start it with `sudo squall agent`".into(),
            ServeError::Running(_) => {
                "use that one; `squall undo` makes it restore everything".into()
            }
            ServeError::Journal(_) => "`SQUALL_STATE` can name another folder".into(),
            ServeError::Socket { .. } => "`SQUALL_SOCKET` can name another path".into(),
            ServeError::Start { .. } => "end other work on this host, then try again".into(),
        }
    }
}

/// Serves until it is told to end. The exit code: 0 when nothing is left open, 5 when a person
/// must act.
///
/// # Errors
/// When it cannot begin; nothing was touched then.
pub fn serve(options: &Options) -> Result<u8, ServeError> {
    if !rustix::process::geteuid().is_root() {
        return Err(ServeError::NotRoot);
    }
    process::call_itself(NAME);
    let start = |step| move |source| ServeError::Start { step, source };
    privilege::give_up_the_rest().map_err(start("give up privileges"))?;
    signals::hold_back_ends();
    if options.idle_exit.is_some() {
        // Started by a run: a Ctrl-C or a closed terminal is the run's affair, and what that
        // means for the faults is told over the socket.
        let _ = rustix::process::setsid();
    }
    let (journal, open) = take(&options.paths)?;
    let (events, queue) = channel();
    let listener = listen::open(&options.paths.socket)?;
    if options.idle_exit.is_some() {
        // A full disk is no reason not to guard; then words stay where they went before.
        let _ = say::to_log(&options.paths.state_dir);
    }
    let guard = Guard::start(options, &events).map_err(start("start the watchdog"))?;
    listen::start(listener, events.clone()).map_err(start("start a thread"))?;
    if let Err(why) = processes::start(options) {
        // Faults inside processes are one family of many.
        say::say(format_args!("squall agent: no process can register: {why}"));
    }
    let ends = events.clone();
    let waiter = std::thread::Builder::new().name("signals".into());
    let waiter = waiter.spawn(move || {
        signals::wait_for_end();
        let _ = ends.send(Input::Event(Event::Stop));
    });
    waiter.map_err(start("start a thread"))?;
    // The first BPF fault would pay some 50 ms for what this does while the baseline is measured.
    let warm = std::thread::Builder::new().name("warm".into());
    let warm = warm.spawn(|| {
        std::thread::park_timeout(WARM_AFTER);
        bpf::warm();
        spares::keep();
    });
    warm.map_err(start("start a thread"))?;
    let now_ns = clock::boottime_ns();
    let core = Core::new(config(options, now_ns)?, now_ns);
    let shell = Shell {
        core,
        guard,
        disk: Disk::start(journal, events.clone()).map_err(start("start a thread"))?,
        exits: Exits::start(events.clone()).map_err(start("start a thread"))?,
        effector: Effector::new(events.clone()),
        connections: BTreeMap::new(),
        next_client: 0,
        events,
        socket: options.paths.socket.clone(),
        sdk_socket: options.paths.sdk_socket.clone(),
        exit: false,
    };
    Ok(shell.run(&queue, open))
}

fn take(paths: &Paths) -> Result<(Journal, Vec<Receipt>), ServeError> {
    let give_up_ns = clock::boottime_ns() + TAKE_NS_MAX;
    loop {
        match Journal::take(&paths.state_dir) {
            Ok((journal, found)) => {
                for (line, damage) in &found.damaged {
                    crate::say::say(format_args!("squall agent: journal line {line}: {damage}"));
                }
                return Ok((journal, found.open));
            }
            Err(JournalError::Held(_)) if listen::somebody_answers(&paths.socket) => {
                return Err(ServeError::Running(paths.socket.clone()));
            }
            // The watchdog of one that just died is restoring; it is a matter of milliseconds.
            Err(JournalError::Held(_)) if clock::boottime_ns() < give_up_ns => {
                crate::watchdog::pause(1_000_000);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn config(options: &Options, now_ns: u64) -> Result<Config, ServeError> {
    let boot = clock::boot_id();
    let boot = boot.map_err(|source| ServeError::Start { step: "read the boot id", source })?;
    Ok(Config {
        version: options.version.clone(),
        pid: std::process::id(),
        boot,
        unix_ms_at_zero: signals::unix_ms().saturating_sub(now_ns / 1_000_000),
        conflicts: |a, b| {
            catalog::find(a).is_some_and(|entry| entry.fault.describe().conflicts.contains(&b))
        },
        idle_exit_ns: options
            .idle_exit
            .map(|idle| u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX)),
    })
}

/// Everything the queue may hold.
pub(crate) enum Input {
    /// For the core.
    Event(Event),
    /// A peer that may talk to us.
    Connected(std::os::unix::net::UnixStream),
    /// The watchdog with this pid keeps guard.
    GuardReady(u32),
    /// The watchdog with this pid is gone.
    GuardGone(u32),
    /// It is time to start the next watchdog.
    GuardDue,
}

impl From<Event> for Input {
    fn from(event: Event) -> Input {
        Input::Event(event)
    }
}

struct Shell {
    core: Core,
    guard: Guard,
    disk: Disk,
    exits: Exits,
    effector: Effector<Input>,
    connections: BTreeMap<Client, Connection>,
    next_client: u64,
    events: Sender<Input>,
    socket: PathBuf,
    sdk_socket: PathBuf,
    exit: bool,
}

impl Shell {
    fn run(mut self, queue: &Receiver<Input>, open: Vec<Receipt>) -> u8 {
        self.step(Event::WatchdogIs { pid: self.guard.pid() });
        for receipt in open {
            self.step(Event::Found { receipt: Box::new(receipt) });
        }
        while !self.exit {
            match self.next(queue) {
                Ok(Input::Event(event)) => {
                    if let Event::Left { client } = event {
                        self.connections.remove(&client);
                    }
                    self.step(event);
                }
                Ok(Input::Connected(stream)) => self.connected(stream),
                Ok(Input::GuardReady(pid)) => self.step(Event::WatchdogReady { pid }),
                Ok(Input::GuardGone(pid)) => self.guard_gone(pid),
                Ok(Input::GuardDue) => self.guard_due(),
                Err(RecvTimeoutError::Timeout) => self.step(Event::Tick),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Before the journal is let go: the next agent must not find this one's socket.
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_file(&self.sdk_socket);
        // Answers that are on their way are sent before the sockets close.
        self.connections.into_values().for_each(Connection::finish);
        self.disk.finish();
        if self.core.acting() == 0 { 0 } else { 5 }
    }

    fn next(&self, queue: &Receiver<Input>) -> Result<Input, RecvTimeoutError> {
        match self.core.wait_ns(clock::boottime_ns()) {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => queue.recv_timeout(Duration::from_nanos(left)),
        }
    }

    fn connected(&mut self, stream: std::os::unix::net::UnixStream) {
        if self.connections.len() >= CLIENTS_MAX {
            return connection::refuse_full(&stream);
        }
        let client = Client(self.next_client);
        self.next_client += 1;
        // A peer that hung up already, or no thread for it: it sees the end of the stream.
        if let Ok(connection) = Connection::start(client, stream, self.events.clone()) {
            self.connections.insert(client, connection);
            self.step(Event::Joined { client });
        }
    }

    fn guard_gone(&mut self, pid: u32) {
        if pid == self.guard.pid() {
            self.step(Event::WatchdogGone { pid });
            self.guard.replace(&self.events);
        }
    }

    fn guard_due(&mut self) {
        if self.guard.start_again(&self.events) {
            self.step(Event::WatchdogIs { pid: self.guard.pid() });
        }
    }

    fn step(&mut self, event: Event) {
        let commands = self.core.step(event, clock::boottime_ns());
        for command in commands {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Prepare { slot, injection } => {
                if !may_end_target(&injection) {
                    self.exits.watch(slot, injection.target.process);
                }
                self.effector.give(slot, Job::Prepare(injection));
            }
            Command::WriteReceipt { slot, receipt } => self.disk.give(Write::Open(slot, receipt)),
            Command::Apply { slot, receipt, deadline_ns } => {
                self.effector.give(slot, Job::Apply(receipt, deadline_ns));
            }
            Command::Extend { slot, deadline_ns } => {
                self.effector.give(slot, Job::Extend(deadline_ns));
            }
            Command::Revert { slot, receipt } => self.effector.give(slot, Job::Revert(receipt)),
            Command::Bite { slot, client, call } => {
                self.effector.give(slot, Job::Bite(client, call));
            }
            Command::CloseReceipt { slot, receipt, by } => {
                self.disk.give(Write::Close(slot, receipt, by));
            }
            Command::Release { slot } => {
                self.exits.forget(slot);
                self.effector.give(slot, Job::Release);
            }
            Command::Watch { receipt, deadline_ns } => self.guard.watch(&receipt, deadline_ns),
            Command::Unwatch { receipt } => self.guard.unwatch(&receipt),
            Command::Fingerprint { client, call, pids } => {
                look::begin(&self.events, client, call, pids);
            }
            Command::Processes { client, call } => {
                let answer = Answer::Processes { registered: inprocess::registered() };
                self.say(client, &FromAgent::Reply(Reply { id: call, answer }));
            }
            Command::Reply { client, reply } => self.say(client, &FromAgent::Reply(*reply)),
            Command::Notify { client, notice } => self.say(client, &FromAgent::Notice(*notice)),
            Command::Exit => self.exit = true,
        }
    }

    fn say(&mut self, client: Client, message: &FromAgent) {
        let Some(connection) = self.connections.get(&client) else { return };
        if !connection.say(message) {
            // Its queue is full: it does not read. Dropping it ends what it armed.
            connection.cut();
        }
    }
}

/// True where the target's end is the fault's own work and no reason to end the fault.
fn may_end_target(injection: &Injection) -> bool {
    let Some(entry) = catalog::find(&injection.fault) else { return false };
    check(entry.fault, &injection.params, &injection.filters)
        .is_ok_and(|values| entry.fault.may_end_target(&values))
}
