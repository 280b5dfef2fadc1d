//! BPF programs that are somebody else's: they do nothing, but they hang where Squall's would.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_ATTACH: libc::c_long = 8;
const BPF_LINK_CREATE: libc::c_long = 28;
const SOCK_ADDR: u32 = 18;
const SK_LOOKUP: u32 = 30;
/// Kinds of attachment.
pub(crate) const CONNECT4: u32 = 10;
const AT_LOOKUP: u32 = 36;
/// One attached below takes its place.
const ALLOW_OVERRIDE: u32 = 1;

/// `union bpf_attr` of a load.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u32; 2],
    log_at: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    device: u32,
    attach: u32,
}

/// Loads a program that lets everything pass.
pub(crate) fn pass(connect: bool) -> OwnedFd {
    // r0 = 1; exit
    let instructions: [u64; 2] = [0x0000_0001_0000_00b7, 0x0000_0000_0000_0095];
    let license = b"GPL\0";
    let mut name = [0; 16];
    let word: &[u8] = if connect { b"mesh_connect4" } else { b"edge_lookup" };
    name[..word.len()].copy_from_slice(word);
    let mut load = Load {
        kind: if connect { SOCK_ADDR } else { SK_LOOKUP },
        count: 2,
        instructions: instructions.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        name,
        attach: if connect { CONNECT4 } else { AT_LOOKUP },
        ..Load::default()
    };
    // SAFETY: the attribute is readable for its size, and so is what its addresses name.
    let raw =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw mut load, size_of::<Load>()) };
    owned(raw)
}

/// Attaches a program by a link, which goes with the descriptor.
pub(crate) fn link(program: &OwnedFd, place: &File, connect: bool) -> OwnedFd {
    let attach = if connect { CONNECT4 } else { AT_LOOKUP };
    let mut words =
        [program.as_raw_fd().cast_unsigned(), place.as_raw_fd().cast_unsigned(), attach, 0];
    // SAFETY: the attribute is readable for its size.
    let raw = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_LINK_CREATE, words.as_mut_ptr(), size_of_val(&words))
    };
    owned(raw)
}

/// Attaches a program to a cgroup so that one below takes its place; it goes with the cgroup. False
/// while a link of another kind is still there.
pub(crate) fn attach_overridable(program: &OwnedFd, cgroup: &File) -> bool {
    let mut words = [
        cgroup.as_raw_fd().cast_unsigned(),
        program.as_raw_fd().cast_unsigned(),
        CONNECT4,
        ALLOW_OVERRIDE,
    ];
    // SAFETY: the attribute is readable for its size.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, words.as_mut_ptr(), size_of_val(&words))
    };
    let error = io::Error::last_os_error();
    assert!(answer == 0 || error.kind() == io::ErrorKind::PermissionDenied, "{error}");
    answer == 0
}

fn owned(raw: libc::c_long) -> OwnedFd {
    assert!(raw >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(raw).unwrap()) }
}
