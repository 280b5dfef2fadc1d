//! BPF links on the given cgroups and network namespaces, read by bpf(2).

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Links looked at: far above what any host has.
const LINKS_MAX: usize = 65_536;

const GET_FD_BY_ID: libc::c_long = 30;
const GET_NEXT_ID: libc::c_long = 31;
const GET_INFO_BY_FD: libc::c_long = 15;
/// Kinds of links, `enum bpf_link_type` of the kernel.
const KIND_CGROUP: u32 = 3;
const KIND_NETNS: u32 = 5;

/// The head of `struct bpf_link_info` with the parts of its union that are read here.
#[repr(C)]
#[derive(Default)]
struct Info {
    kind: u32,
    id: u32,
    program: u32,
    _pad: u32,
    /// Cgroup id; of a network namespace the inode is in the lower half.
    place: u64,
    attach: u32,
    _rest: [u32; 9],
}

/// Facts such as `cgroup /shop/order attach 10 link 4`.
pub(super) fn read(
    cgroups: &BTreeSet<&str>,
    spaces: &BTreeSet<u64>,
) -> Result<BTreeSet<String>, String> {
    let mut groups = BTreeMap::new();
    for group in cgroups {
        let found = super::directory(group).and_then(|dir| std::fs::metadata(dir).ok());
        groups.extend(found.map(|found| (found.ino(), *group)));
    }
    let mut facts = BTreeSet::new();
    let mut id = 0;
    for _ in 0..LINKS_MAX {
        id = match next(id) {
            Ok(next) => next,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(facts),
            Err(error) => return Err(format!("bpf: {error}")),
        };
        // One that vanished in between is no fact.
        let Ok(info) = info(id) else { continue };
        let space = info.place & u64::from(u32::MAX);
        match info.kind {
            KIND_CGROUP if groups.contains_key(&info.place) => {
                let (group, attach) = (groups[&info.place], info.attach);
                facts.insert(format!("cgroup {group} attach {attach} link {id}"));
            }
            KIND_NETNS if spaces.contains(&space) => {
                let attach = info.place >> 32;
                facts.insert(format!("net:[{space}] attach {attach} link {id}"));
            }
            _ => {}
        }
    }
    Ok(facts)
}

fn next(id: u32) -> std::io::Result<u32> {
    let mut attr = [id, 0, 0, 0];
    call(GET_NEXT_ID, &mut attr)?;
    Ok(attr[1])
}

fn info(id: u32) -> std::io::Result<Info> {
    let descriptor = call(GET_FD_BY_ID, &mut [id, 0, 0, 0])?;
    // SAFETY: the kernel just made this descriptor for us and nobody else knows it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut info = Info::default();
    let address = std::ptr::from_mut(&mut info) as u64;
    let raw = u32::try_from(descriptor.as_raw_fd()).unwrap_or_default();
    let size = size_of::<Info>() as u32;
    // The address is one 64-bit field after two 32-bit ones, in the machine's order.
    let halves: [u8; 8] = address.to_ne_bytes();
    let half = |at: usize| {
        u32::from_ne_bytes([halves[at], halves[at + 1], halves[at + 2], halves[at + 3]])
    };
    call(GET_INFO_BY_FD, &mut [raw, size, half(0), half(4)])?;
    Ok(info)
}

fn call(command: libc::c_long, attr: &mut [u32; 4]) -> std::io::Result<i32> {
    // SAFETY: `attr` is 16 bytes, readable and writable, and its size is passed along; for
    // GET_INFO_BY_FD it points to an `Info` that outlives the call and is as long as it says.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size_of_val(attr)) };
    if answer < 0 { Err(std::io::Error::last_os_error()) } else { Ok(answer as i32) }
}
