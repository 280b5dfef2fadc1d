//! Network namespaces: opened by process, entered by one thread for good.

use crate::effect::EffectError;
use crate::sys::process::{Handle, system};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use squall_wire::identity::ProcessIdentity;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// An open network namespace.
#[derive(Debug)]
pub struct Netns {
    file: File,
    inode: u64,
}

impl Netns {
    /// Opens the namespace a process is in.
    ///
    /// # Errors
    /// [`EffectError::TargetGone`] when the process ended or is another one now.
    pub fn of(process: ProcessIdentity) -> Result<Netns, EffectError> {
        let opened = File::open(format!("/proc/{}/ns/net", process.pid));
        // Checked after opening, so that a reused pid cannot have been opened.
        Handle::open(process)?;
        let file = opened.map_err(system("open the target's network namespace"))?;
        let inode = file.metadata().map_err(system("open the target's network namespace"))?.ino();
        Ok(Netns { file, inode })
    }

    /// Opens the namespace of whatever has that pid now. For looking, not for acting.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn seen(pid: u32) -> io::Result<Netns> {
        let file = File::open(format!("/proc/{pid}/ns/net"))?;
        let inode = file.metadata()?.ino();
        Ok(Netns { file, inode })
    }

    /// Finds a namespace by its number: that of a process, or one with a name.
    ///
    /// A namespace that nobody lives in and nobody named is gone, or as good as gone.
    pub(crate) fn find(inode: u64) -> Option<Netns> {
        let of = |file: io::Result<File>| {
            let file = file.ok()?;
            let found = file.metadata().ok()?.ino();
            (found == inode).then_some(Netns { file, inode })
        };
        let processes = crate::sys::process::all().into_iter();
        let own = processes.filter_map(|(pid, _)| of(File::open(format!("/proc/{pid}/ns/net"))));
        let named = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
        own.chain(named.filter_map(|entry| of(File::open(entry.path())))).next()
    }

    /// Moves the calling thread into a namespace of its own. Only for threads that end there.
    ///
    /// # Errors
    /// Without the privilege.
    pub fn new_for_this_thread() -> io::Result<Netns> {
        // SAFETY: a network namespace is a property of the thread alone; no memory, descriptor
        // or signal state is unshared with it.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
        let file = File::open("/proc/thread-self/ns/net")?;
        let inode = file.metadata()?.ino();
        Ok(Netns { file, inode })
    }

    /// The namespace's number, as in `/proc/PID/ns/net`.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The descriptor, to attach to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Runs something on a thread that is in the namespace and ends there.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub(crate) fn inside<T: Send>(
        &self,
        body: impl FnOnce() -> T + Send,
    ) -> Result<T, EffectError> {
        let thread = || {
            self.enter().map_err(system("enter the target's network namespace"))?;
            Ok(body())
        };
        std::thread::scope(|scope| {
            let joined = scope.spawn(thread).join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// True for the host's own namespace.
    pub(crate) fn is_first(&self) -> bool {
        /// The inode that newer kernels always give it; older ones let root look at process 1.
        const FIRST: u64 = 0xEFFF_FFF9;
        self.inode == FIRST || Netns::seen(1).is_ok_and(|first| first.inode == self.inode)
    }

    /// Moves the calling thread into it. Only for threads that end there.
    ///
    /// # Errors
    /// Without the privilege.
    pub fn enter(&self) -> io::Result<()> {
        let kind = Some(LinkNameSpaceType::Network);
        Ok(move_into_link_name_space(self.file.as_fd(), kind)?)
    }
}
