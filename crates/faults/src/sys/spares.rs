//! Copies of BPF objects that are loaded ahead of the fault that needs one: the kernel takes
//! milliseconds to verify a program, and who asks for a fault should not wait for that.
//!
//! A spare is attached to nothing and its rule is over, so it does nothing. It goes with its
//! process, and no fingerprint that this process takes counts it.

use crate::effect::EffectError;
use crate::sys::armed::Object;
use crate::sys::bpf;
use aya::Ebpf;
use aya::programs::{Program, ProgramError};
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How many are kept, each of another object; the ones used last.
const SPARES_MAX: usize = 4;

static SHELF: Mutex<Vec<(&'static str, Ebpf)>> = Mutex::new(Vec::new());
static WANTED: OnceLock<Sender<&'static Object>> = OnceLock::new();

/// Makes spares for as long as the process lives: of each object that a fault has used, one for
/// the next. Call it from a thread of its own.
pub fn keep() {
    let (wanted, wishes) = channel();
    if WANTED.set(wanted).is_ok() {
        make(&wishes);
    }
}

fn make(wishes: &Receiver<&'static Object>) {
    while let Ok(object) = wishes.recv() {
        // Held while loading, so that a program that is being loaded is seen as a spare's.
        let mut shelf = shelf();
        if shelf.iter().any(|(name, _)| *name == object.name) {
            continue;
        }
        // Who arms the fault next hears why it cannot be loaded.
        if let Ok(spare) = load(object) {
            put_on(&mut shelf, object, spare);
        }
    }
}

/// Asks for another spare of an object, where somebody makes them.
pub(crate) fn want(object: &'static Object) {
    // Nobody makes any in a process that holds a fault and nothing else.
    let _kept = WANTED.get().map(|wanted| wanted.send(object));
}

/// Keeps a copy that was loaded and not used.
pub(crate) fn put(object: &'static Object, spare: Ebpf) {
    put_on(&mut shelf(), object, spare);
}

fn put_on(shelf: &mut Vec<(&'static str, Ebpf)>, object: &Object, spare: Ebpf) {
    shelf.push((object.name, spare));
    if shelf.len() > SPARES_MAX {
        shelf.remove(0);
    }
}

/// A spare where there is one, else a copy whose programs are still to be verified: those that are
/// attached are, one by one, and the others cost nothing.
pub(crate) fn take(object: &'static Object) -> Result<Ebpf, EffectError> {
    let found = {
        let mut shelf = shelf();
        let at = shelf.iter().position(|(name, _)| *name == object.name);
        at.map(|at| shelf.remove(at).1)
    };
    found.map_or_else(|| bpf::fresh(object.what, object.bytes), Ok)
}

/// Lists programs by their number in the kernel, without those of spares.
pub(crate) fn left_out<T, E>(
    list: impl FnOnce() -> Result<Vec<(u32, T)>, E>,
) -> Result<Vec<(u32, T)>, E> {
    let shelf = shelf();
    let spares = shelf.iter().flat_map(|(_, spare)| spare.programs());
    let spares: BTreeSet<u32> =
        spares.filter_map(|(_, program)| Some(program.info().ok()?.id())).collect();
    let mut listed = list()?;
    listed.retain(|(id, _)| !spares.contains(id));
    Ok(listed)
}

fn shelf() -> MutexGuard<'static, Vec<(&'static str, Ebpf)>> {
    SHELF.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(object: &Object) -> Result<Ebpf, EffectError> {
    let mut loaded = bpf::fresh(object.what, object.bytes)?;
    complete(&mut loaded);
    Ok(loaded)
}

/// Loads every program of a copy. One that this kernel refuses stays unloaded: who attaches it
/// hears why, and who attaches only others has no use for it.
pub(crate) fn complete(copy: &mut Ebpf) {
    for (_, program) in copy.programs_mut() {
        let _attaching_tells = verified(program);
    }
}

/// Loads a program, if that has not been done.
pub(crate) fn verified(program: &mut Program) -> Result<(), ProgramError> {
    if program.fd().is_ok() {
        return Ok(());
    }
    match program {
        Program::CgroupSkb(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::SockOps(program) => program.load(),
        Program::SkLookup(program) => program.load(),
        Program::SchedClassifier(program) => program.load(),
        other => panic!("invariant: no object has a program of type {:?}", other.prog_type()),
    }
}
