//! BPF programs of others where a redirect would hang its own: on the target's network namespace,
//! and on its cgroup or one above.

use crate::sys::bpf;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

const BPF_PROG_QUERY: libc::c_long = 16;
/// Kinds of attachment.
const SK_LOOKUP: u32 = 36;
/// The addresses that sockets ask for: `connect`, and for datagrams `sendmsg`.
const CONNECT: [(u32, &str); 2] = [(10, "connect4"), (11, "connect6")];
const SENDMSG: [(u32, &str); 2] = [(14, "sendmsg4"), (15, "sendmsg6")];
/// The program is taken away where somebody attaches one below it.
const OVERRIDABLE: u32 = 1;
/// Programs looked at in one place.
const PROGRAMS: usize = 64;
/// What all program names of Squall begin with.
const MARK: &str = "squall";

/// A program of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    /// `cil_sock4_connect (connect4)`.
    pub(super) name: String,
    /// One attached below takes its place instead of joining it.
    pub(super) overridable: bool,
}

/// `union bpf_attr` of a query.
#[repr(C)]
#[derive(Default)]
struct Query {
    target: u32,
    attach: u32,
    flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
    attach_flags_each: u64,
}

/// Programs of others that choose sockets in a network namespace.
pub(super) fn lookups(netns: &File) -> io::Result<Vec<Foreign>> {
    foreign(netns, SK_LOOKUP, "sk_lookup")
}

/// Programs of others on one cgroup that see where its sockets connect.
pub(super) fn connects(cgroup: &Path, datagrams: bool) -> io::Result<Vec<Foreign>> {
    let folder = File::open(cgroup)?;
    let mut found = Vec::new();
    for (attach, word) in CONNECT.iter().chain(SENDMSG.iter().filter(|_| datagrams)) {
        found.extend(foreign(&folder, *attach, word)?);
    }
    Ok(found)
}

fn foreign(place: &File, attach: u32, word: &str) -> io::Result<Vec<Foreign>> {
    let mut ids = [0u32; PROGRAMS];
    let mut query = Query {
        target: place.as_raw_fd().cast_unsigned(),
        attach,
        ids: ids.as_mut_ptr().expose_provenance() as u64,
        count: PROGRAMS as u32,
        ..Query::default()
    };
    // SAFETY: the attribute is readable and writable for the size that goes along; the address in
    // it is of numbers that outlive the call and are as many as said.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut query, size_of::<Query>()) };
    if answer < 0 {
        let error = io::Error::last_os_error();
        // A kernel that does not know the kind has no program of it.
        return if error.raw_os_error() == Some(libc::EINVAL) {
            Ok(Vec::new())
        } else {
            Err(error)
        };
    }
    let count = (query.count as usize).min(PROGRAMS);
    let overridable = query.attach_flags == OVERRIDABLE;
    let names = ids[..count].iter().map(|id| bpf::program_name(*id));
    let others = names.filter(|name| !name.starts_with(MARK));
    Ok(others.map(|name| Foreign { name: format!("{name} ({word})"), overridable }).collect())
}
