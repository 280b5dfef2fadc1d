//! What a test starts as a process of its own: an agent, its watchdog, a holder and a run that
//! will be killed, and a small server to hurt.
#![forbid(unsafe_code)]

mod client;
mod hold;
mod target;

use squall_agent::paths::Paths;
use squall_agent::points::{self, Point};
use squall_agent::shell::{self, Options};
use squall_agent::undo::undo_all;
use squall_agent::watchdog;
use squall_faults::sys::worker::{self, WORK_ARGUMENT};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Where the crash campaign listens for what is reached.
const POINTS: &str = "SQUALL_POINTS";

/// Says where this process is and goes on when the campaign lets it.
fn wait_at(point: Point) {
    let role = match std::env::args().nth(1).as_deref() {
        Some("agent-watchdog") => "watchdog",
        Some("undo") => "undo",
        _ => "agent",
    };
    let Some(path) = std::env::var_os(POINTS) else { return };
    // Without a campaign there is nobody to wait for.
    let Ok(mut stream) = UnixStream::connect(path) else { return };
    let said = writeln!(stream, "{role} {}", point.name());
    drop(said.and_then(|()| stream.read(&mut [0])));
}

fn main() -> ExitCode {
    if std::env::var_os(POINTS).is_some() {
        points::on_reach(wait_at);
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["agent"] => agent(None),
        ["agent", "--idle-exit-ms", ms] => agent(ms.parse().ok().map(Duration::from_millis)),
        ["agent-watchdog", state_dir, pid] => {
            ExitCode::from(watchdog::main(Path::new(state_dir), pid.parse().unwrap_or(0)))
        }
        ["target", serve, dial] => target::main(serve, dial),
        ["target", serve, dial, "--leashed"] => {
            target::leash();
            target::main(serve, dial)
        }
        ["supervise", serve, dial] => target::supervise(serve, dial),
        ["bind", address] => ExitCode::from(u8::from(TcpListener::bind(address).is_err())),
        ["client"] => client::main(),
        ["undo"] => undo(),
        ["hold"] => hold::main(),
        [WORK_ARGUMENT, load @ ..] => worker::main(load.iter().map(OsString::from)),
        _ => ExitCode::from(64),
    }
}

fn undo() -> ExitCode {
    match undo_all(&Paths::from_env()) {
        Ok(report) if report.stuck.is_empty() => ExitCode::SUCCESS,
        Ok(report) => {
            println!("{:?}", report.stuck);
            ExitCode::from(5)
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(5)
        }
    }
}

fn agent(idle_exit: Option<Duration>) -> ExitCode {
    let paths = Paths::from_env();
    let options = Options { paths, idle_exit, ..Options::new("test") };
    match shell::serve(&options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}\nhelp: {}", error.help());
            ExitCode::from(2)
        }
    }
}
