//! Where the agent lives: its socket and its state folder, and who may enter them.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The state folder where `SQUALL_STATE` names no other.
pub const STATE_DIR: &str = "/var/lib/squall";
/// The socket where neither `SQUALL_SOCKET` nor `SQUALL_STATE` is set.
pub const SOCKET: &str = "/run/squall/agent.sock";
/// The socket for processes with the SDK, where neither `SQUALL_SDK_SOCKET` nor `SQUALL_STATE` is
/// set: not in the agent's own folder, which other users may not enter.
pub const SDK_SOCKET: &str = "/run/squall-sdk.sock";
/// The longest socket path: the kernel keeps 108 bytes with the closing NUL.
pub const SOCKET_BYTES_MAX: usize = 107;

/// Where one agent lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Its unix socket.
    pub socket: PathBuf,
    /// The folder with its journal.
    pub state_dir: PathBuf,
    /// The unix socket that processes with the SDK dial, as `SQUALL_AGENT` names it to them.
    pub sdk_socket: PathBuf,
}

impl Paths {
    /// The usual places, or those that `SQUALL_SOCKET` and `SQUALL_STATE` name. With only the
    /// latter, the socket is `agent.sock` in that folder: one variable makes a world of its own.
    pub fn from_env() -> Paths {
        let named = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state = named("SQUALL_STATE");
        let beside = |name| state.as_ref().map(|dir| dir.join(name));
        let (socket, sdk) = (beside("agent.sock"), beside("sdk.sock"));
        Paths {
            socket: named("SQUALL_SOCKET").or(socket).unwrap_or_else(|| SOCKET.into()),
            sdk_socket: named("SQUALL_SDK_SOCKET").or(sdk).unwrap_or_else(|| SDK_SOCKET.into()),
            state_dir: state.unwrap_or_else(|| STATE_DIR.into()),
        }
    }

    /// All below one folder.
    pub fn below(dir: &Path) -> Paths {
        Paths {
            socket: dir.join("agent.sock"),
            state_dir: dir.to_path_buf(),
            sdk_socket: dir.join("sdk.sock"),
        }
    }
}

/// Makes a folder that only its owner may enter, or checks that it is one.
///
/// # Errors
/// When it cannot be made, is not a folder, or belongs to somebody else.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = fs::symlink_metadata(dir)?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != own {
        let text = format!("{} is not a folder of user {own}", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
