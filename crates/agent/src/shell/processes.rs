//! The socket that processes with the SDK dial. Who may: root, the agent's own user, and users
//! that the operator named; the kernel says who it is.

use super::Options;
use crate::paths::{SOCKET_BYTES_MAX, private_dir};
use crate::watchdog::pause;
use rustix::net::sockopt::socket_peercred;
use squall_faults::sys::inprocess;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::Builder;

/// Accepts on a thread of its own, and serves each process on another.
///
/// # Errors
/// When the socket cannot be opened, or there is no thread.
pub fn start(options: &Options) -> io::Result<()> {
    let path = &options.paths.sdk_socket;
    let listener = open(path, !options.sdk_users.is_empty())?;
    let (users, version) = (options.sdk_users.clone(), options.version.clone());
    let accept = move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // Out of descriptors: give the others time to end instead of spinning.
                pause(100_000_000);
                continue;
            };
            let Some(pid) = allowed(&stream, &users) else { continue };
            let version = version.clone();
            let serve = move || inprocess::serve(stream, pid, &version);
            // Without a thread the process sees the end of the stream, and tries again.
            let _ = Builder::new().name("process".into()).spawn(serve);
        }
    };
    Builder::new().name("processes".into()).spawn(accept).map(drop)
}

/// Opens the socket; one that nobody answers on is left over and replaced.
fn open(path: &Path, others: bool) -> io::Result<UnixListener> {
    if path.as_os_str().len() > SOCKET_BYTES_MAX {
        let text = format!("{} is longer than {SOCKET_BYTES_MAX} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if let Some(dir) = path.parent().filter(|dir| !dir.exists()) {
        private_dir(dir)?;
    }
    let taken = |text: &str| {
        let text = format!("{} {text}", path.display());
        Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
    };
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return taken("is no socket");
        }
        if UnixStream::connect(path).is_ok() {
            return taken("is another agent's; SQUALL_SDK_SOCKET can name another path");
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // Whoever may not register is refused by who it is, not by what it can open.
    let mode = if others { 0o666 } else { 0o600 };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

/// The pid of a peer that may register.
fn allowed(stream: &UnixStream, users: &[u32]) -> Option<u32> {
    let peer = socket_peercred(stream).ok()?;
    let own = peer.uid == rustix::process::geteuid();
    let named = users.contains(&peer.uid.as_raw());
    if peer.uid.is_root() || own || named {
        return u32::try_from(peer.pid.as_raw_nonzero().get()).ok();
    }
    let help = format!("user {} may not register; `squall agent --sdk-user` lets it", peer.uid);
    inprocess::refuse(stream, help);
    None
}
