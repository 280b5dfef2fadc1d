//! BPF: links in the way of the given processes, and programs and pins of Squall.

use super::{Facts, Held};
use crate::sys::cgroup::Group;
use crate::sys::spares;
use aya::programs::loaded_programs;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Links looked at; far above what any host has.
const LINKS_MAX: usize = 65_536;
/// What all program names of Squall begin with.
const MARK: &str = "squall";

const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BPF_LINK_GET_FD_BY_ID: libc::c_long = 30;
const BPF_LINK_GET_NEXT_ID: libc::c_long = 31;
/// Kinds of links: `enum bpf_link_type`.
const LINK_CGROUP: u32 = 3;
const LINK_NETNS: u32 = 5;
const LINK_TCX: u32 = 11;

/// The head of `struct bpf_link_info` with the parts of its union that are read here.
#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    padding: u32,
    /// The cgroup's number, or a namespace's inode and then the attach type.
    place: [u32; 2],
    attach: u32,
    rest: [u32; 9],
}

/// Links on the given namespaces and groups, whoever made them, and Squall's wherever they are;
/// without those that the given agents hold.
pub(super) fn links(spaces: &BTreeSet<u64>, groups: &[Group], agents: &[u32]) -> Facts {
    let ours: BTreeSet<u32> = squall_programs()?.into_iter().map(|(id, _)| id).collect();
    let numbers = groups.iter().filter(|group| group.v2);
    let numbers =
        numbers.filter_map(|group| Some((fs::metadata(&group.folder).ok()?.ino(), group)));
    let groups: BTreeMap<u64, &Group> = numbers.collect();
    let mut found = Vec::new();
    let mut id = 0;
    for _ in 0..LINKS_MAX {
        id = match next(id) {
            Ok(id) => id,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        // One that vanished in between is no fact.
        let Ok(link) = info(id) else { continue };
        let [low, high] = link.place.map(u64::from);
        let group = groups.get(&(high << 32 | low)).filter(|_| link.kind == LINK_CGROUP);
        let is_ours = ours.contains(&link.program);
        if let Some(group) = group {
            found.push((id, format!("cgroup {} attach {}", group.path, link.attach)));
        } else if link.kind == LINK_NETNS && (is_ours || spaces.contains(&low)) {
            found.push((id, format!("net:[{low}] attach {high}")));
        } else if link.kind == LINK_TCX && is_ours {
            // The second number is where it hangs: 46 for ingress, 47 for egress.
            found.push((id, format!("squall tcx device {low} attach {high}")));
        } else if is_ours {
            found.push((id, format!("squall kind {} attach {}", link.kind, link.attach)));
        }
    }
    // Looked at last: what is let go of in between was there before.
    let theirs = Held::by(agents).links;
    let rest = found.into_iter().filter(|(id, _)| !theirs.contains(id));
    Ok(rest.map(|(_, fact)| fact).collect())
}

/// Programs of Squall. Other people's come and go, and so do those that this process merely keeps
/// ready and those that the given agents hold.
pub(super) fn loaded(agents: &[u32]) -> Facts {
    let found = spares::left_out(squall_programs)?;
    let theirs = Held::by(agents).programs;
    let rest = found.into_iter().filter(|(id, _)| !theirs.contains(id));
    Ok(rest.map(|(_, name)| name).collect())
}

fn squall_programs() -> io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for program in loaded_programs() {
        match program {
            Ok(program) => {
                let name = program.name_as_str().unwrap_or_default();
                if name.starts_with(MARK) {
                    found.push((program.id(), name.to_owned()));
                }
            }
            Err(error) => {
                let text = error.to_string();
                // One that vanished while the list was read is no fact; no privilege is.
                if !text.contains("by_id") {
                    return Err(io::Error::other(text));
                }
            }
        }
    }
    Ok(found)
}

/// Nothing is ever pinned by Squall; a pin with its mark is debris.
pub(super) fn pins() -> Facts {
    match fs::read_dir("/sys/fs/bpf") {
        Ok(entries) => {
            let names = entries.flatten().map(|entry| entry.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            Ok(names.filter(|name| name.contains(MARK)).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn next(id: u32) -> io::Result<u32> {
    let mut attribute = [id, 0, 0, 0];
    bpf(BPF_LINK_GET_NEXT_ID, &mut attribute)?;
    Ok(attribute[1])
}

fn info(id: u32) -> io::Result<LinkInfo> {
    let raw = bpf(BPF_LINK_GET_FD_BY_ID, &mut [id, 0, 0, 0])?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    let link = unsafe { OwnedFd::from_raw_fd(raw) };
    let mut info = LinkInfo::default();
    let descriptor = link.as_raw_fd().cast_unsigned();
    let address = std::ptr::from_mut(&mut info).expose_provenance() as u64;
    // The address is one 64-bit field after two 32-bit ones, in the machine's order.
    let bytes = address.to_ne_bytes();
    let half = |at: usize| {
        u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
    };
    let size = size_of::<LinkInfo>() as u32;
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut [descriptor, size, half(0), half(4)])?;
    Ok(info)
}

fn bpf(command: libc::c_long, attribute: &mut [u32; 4]) -> io::Result<i32> {
    let size = size_of_val(attribute);
    // SAFETY: the attribute is readable and writable for the size that goes along; the address
    // in it, where there is one, is of a `LinkInfo` that outlives the call and is as long as said.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, attribute.as_mut_ptr(), size) };
    match i32::try_from(answer) {
        Ok(answer) if answer >= 0 => Ok(answer),
        _ => Err(io::Error::last_os_error()),
    }
}
