//! A file without a name in a folder as the target sees it: its space is free again when the
//! process that holds it ends, whatever ends it.

use crate::effect::EffectError;
use crate::sys::process::{Handle, system};
use rustix::fs::{Mode, OFlags, ResolveFlags, StatVfs, fstatvfs, openat2};
use squall_wire::identity::ProcessIdentity;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// Opens a folder as a process sees it, symbolic links included; no path leads out of its root.
pub(crate) fn folder(pid: u32, path: &str) -> io::Result<OwnedFd> {
    let root = File::open(format!("/proc/{pid}/root"))?;
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
}

/// The same for exactly this process, with the room there is.
pub(crate) fn room(process: ProcessIdentity, path: &str) -> Result<StatVfs, EffectError> {
    let opened = folder(process.pid, path);
    // Opened, then checked: a reused pid cannot have been looked into.
    Handle::open(process)?;
    let folder = opened.map_err(|error| {
        EffectError::InTheWay(format!("{path} cannot be used: {error}; the target has to see it"))
    })?;
    match create(&folder, OFlags::empty()) {
        Ok(_closed) => {}
        Err(error) => {
            return Err(EffectError::InTheWay(format!(
                "{path} takes no file without a name ({error}): only such a file is sure to go \
                 with Squall; choose a folder on ext4, xfs, btrfs or tmpfs"
            )));
        }
    }
    fstatvfs(&folder).map_err(|error| system("look at the file system")(error.into()))
}

/// Makes a file without a name.
pub(crate) fn create(folder: &OwnedFd, more: OFlags) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC | more;
    let file = rustix::fs::openat(folder, ".", flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(file))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::sys::process;
    use std::io::Write;

    #[test]
    fn a_file_without_a_name_leaves_its_folder_empty() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().to_str().unwrap();
        let folder = folder(std::process::id(), path).unwrap();
        let mut file = create(&folder, OFlags::empty()).unwrap();
        file.write_all(&[1; 4096]).unwrap();
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused_with_advice() {
        let own = process::identity(std::process::id()).unwrap();
        let error = room(own, "/no/such/folder").map(drop).unwrap_err().to_string();
        assert!(error.contains("the target has to see it"), "{error}");
        assert!(room(own, "/proc").is_err(), "procfs takes no files");
        assert!(room(own, "/tmp").is_ok_and(|room| room.f_blocks > 0));
    }
}
