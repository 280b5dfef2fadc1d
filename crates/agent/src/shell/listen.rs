//! The socket: who may open it, and only one agent on it.

use super::{Input, ServeError};
use crate::client::Client;
use crate::paths::{SOCKET_BYTES_MAX, private_dir};
use crate::watchdog::pause;
use rustix::net::sockopt::socket_peercred;
use squall_faults::sys::clock;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// How long a socket may look alive although its agent is dead: a child that the agent was just
/// starting holds it until it becomes the program it is meant to be.
const REPLACE_NS_MAX: u64 = 2 * 1_000_000_000;
/// How long a live agent may take to greet.
const GREETING_TIME_MAX: Duration = Duration::from_millis(500);

/// True where an agent greets; that somebody holds the socket proves nothing.
pub(super) fn somebody_answers(path: &Path) -> bool {
    Client::connect_within(path, "another agent", GREETING_TIME_MAX).is_ok()
}

/// Opens the socket. One that nobody answers on is left over and replaced.
pub(super) fn open(path: &Path) -> Result<UnixListener, ServeError> {
    let error = |source| ServeError::Socket { path: path.into(), source };
    if path.as_os_str().len() > SOCKET_BYTES_MAX {
        let text = format!("the path is longer than {SOCKET_BYTES_MAX} bytes");
        return Err(error(io::Error::new(io::ErrorKind::InvalidInput, text)));
    }
    if let Some(dir) = path.parent() {
        private_dir(dir).map_err(error)?;
    }
    // Connecting to any other file is refused, too: it would look like a socket left over.
    let is_other = |found: std::fs::Metadata| !found.file_type().is_socket();
    if std::fs::symlink_metadata(path).is_ok_and(is_other) {
        let text = "another file is there and is no socket";
        return Err(error(io::Error::new(io::ErrorKind::AlreadyExists, text)));
    }
    let give_up_ns = clock::boottime_ns() + REPLACE_NS_MAX;
    loop {
        match UnixStream::connect(path) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => break,
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(error)?;
                break;
            }
            Err(other) => return Err(error(other)),
            Ok(_) if somebody_answers(path) => return Err(ServeError::Running(path.into())),
            Ok(_) if clock::boottime_ns() < give_up_ns => pause(1_000_000),
            Ok(_) => return Err(ServeError::Running(path.into())),
        }
    }
    let listener = UnixListener::bind(path).map_err(error)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(error)?;
    Ok(listener)
}

/// Accepts on a thread of its own.
pub(super) fn start(listener: UnixListener, events: Sender<Input>) -> io::Result<()> {
    let accept = move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // Out of descriptors: give the others time to end instead of spinning.
                pause(100_000_000);
                continue;
            };
            if is_allowed(&stream) && events.send(Input::Connected(stream)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("accept".into()).spawn(accept).map(|_| ())
}

fn is_allowed(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    socket_peercred(stream).is_ok_and(|peer| peer.uid.is_root() || peer.uid == own)
}
