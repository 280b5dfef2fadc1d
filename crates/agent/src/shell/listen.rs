//! The socket: who may open it, and only one agent on it.

use super::{Input, ServeError};
use crate::paths::{SOCKET_BYTES_MAX, private_dir};
use rustix::net::sockopt::socket_peercred;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::Sender;

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
    match UnixStream::connect(path) {
        Ok(_) => return Err(ServeError::Running(path.into())),
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(error)?;
        }
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        Err(other) => return Err(error(other)),
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
                crate::watchdog::pause(100_000_000);
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
