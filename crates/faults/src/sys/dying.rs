//! Ends a fault's effect in the first moment of its holder's death, before its links are gone.
//!
//! A killed process closes its descriptors last: each of its threads has to run once more, then
//! its memory is freed, and then of several links on devices each waits until all processors have
//! seen that the one before is gone. A program that hears of the kill first turns off the switch
//! that the others read. Where the kernel does not take it the links end the fault, as they do
//! anyway.

use crate::sys::bpf;
use aya::Ebpf;
use aya::programs::Program;
use aya::programs::raw_trace_point::RawTracePointLink;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

const OBJECT: &[u8] = aya::include_bytes_aligned!("dying.bpf.o");
/// What all of these programs are attached to.
const WHERE: &str = "signal_deliver";
/// `PROC_PID_INIT_INO`: programs know processes by their numbers there.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The calling process as programs know it; zero, which is nobody, where that cannot be told.
pub(crate) fn holder() -> u32 {
    let own = fs::metadata("/proc/self/ns/pid");
    match own.is_ok_and(|own| own.ino() == FIRST_PID_NAMESPACE) {
        true => std::process::id(),
        false => 0,
    }
}

/// Spares the faults of this process a wait, for as long as it lives: without a program that
/// stays, one that is armed within some 20 ms of the last one's end would wait for that long.
pub(crate) fn keep() {
    static KEPT: OnceLock<Option<RawTracePointLink>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let mut object = bpf::fresh("a tracepoint program", OBJECT).ok()?;
        watch(&mut object, "squall_dying")
    });
}

/// Attaches the program of an object that turns its switch off; none where the kernel refuses.
pub(crate) fn watch(object: &mut Ebpf, name: &str) -> Option<RawTracePointLink> {
    let found = object.program_mut(name);
    let found = found.unwrap_or_else(|| panic!("invariant: the object has the program {name}"));
    let Program::RawTracePoint(program) = found else {
        panic!("invariant: {name} is on a tracepoint")
    };
    if program.fd().is_err() {
        program.load().ok()?;
    }
    let link = program.attach(WHERE).ok()?;
    program.take_link(link).ok()
}
