//! Loads BPF objects and finds their maps again, also those of another process.
//!
//! Programs are never pinned and links are owned by descriptors, so all of it is gone when its
//! holder is gone. A program is armed by writing to its map.

use crate::effect::EffectError;
use aya::maps::{Array, Map, MapData, loaded_maps};
use aya::programs::loaded_programs;
use aya::{Ebpf, EbpfLoader};
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pays, ahead of the first BPF fault, what that would pay: some 50 ms once a process. Call it
/// from a thread of its own.
pub fn warm() {
    drop(loader());
}

/// The type information came in as megabytes, and the allocator keeps them for the next. They are
/// given back: a process that is killed lets go of its memory before its descriptors, so each
/// megabyte makes a link of a fault outlive its holder by some 0.1 ms.
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a plain call about memory that nobody uses.
    let _some_were_kept = unsafe { libc::malloc_trim(0) };
}

/// A loader reads the kernel's type information when it is made, which takes some 50 ms and
/// which these objects do not need: one loader is made, without it, for the life of the process.
fn loader() -> MutexGuard<'static, Option<EbpfLoader<'static>>> {
    static LOADER: Mutex<Option<EbpfLoader<'static>>> = Mutex::new(None);
    let mut loader = LOADER.lock().unwrap_or_else(PoisonError::into_inner);
    loader.get_or_insert_with(|| {
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        // Here, because the fault that it is made for may be held when the process is killed.
        give_back();
        loader
    });
    loader
}

/// Loads the maps of an object that nobody else shares; its programs are still to be loaded.
pub(crate) fn fresh(what: &'static str, bytes: &[u8]) -> Result<Ebpf, EffectError> {
    let mut loader = loader();
    let loader = loader.as_mut().expect("invariant: the loader was just made");
    loader.load(bytes).map_err(unavailable(what))
}

/// The name of a loaded program; its number where it has none, or is gone already.
pub(crate) fn program_name(id: u32) -> String {
    let programs = loaded_programs().filter_map(Result::ok);
    let found = programs.into_iter().find(|program| program.id() == id);
    let name = found.and_then(|program| program.name_as_str().map(str::to_owned));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("number {id}"))
}

/// The names of all maps on this host, each once.
pub(crate) fn names() -> Result<BTreeSet<String>, EffectError> {
    let mut names = BTreeSet::new();
    for info in loaded_maps() {
        match info {
            Ok(info) => names.extend(info.name_as_str().map(str::to_owned)),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(unavailable("the list of BPF maps")(error)),
        }
    }
    Ok(names)
}

/// The first two numbers of every element of the arrays of that name, for those of a known shape:
/// the end of a rule, and whose it is.
pub(crate) fn heads<const V: usize>(
    name: &str,
    is_known: impl Fn(&[u8; V]) -> bool,
) -> Result<Vec<(u64, u64)>, EffectError> {
    let number = |bytes: &[u8]| {
        u64::from_ne_bytes(bytes.try_into().expect("invariant: a slice of eight bytes"))
    };
    let mut heads = Vec::new();
    for map in arrays_named::<V>(name)? {
        let rules = map.iter().flatten().filter(|rule| is_known(rule));
        heads.extend(rules.map(|rule| (number(&rule[..8]), number(&rule[8..16]))));
    }
    Ok(heads)
}

/// Every array of that name on this host, whoever loaded it; a map of another shape with the same
/// name is somebody else's and left out.
pub(crate) fn arrays_named<const V: usize>(
    name: &str,
) -> Result<Vec<Array<MapData, [u8; V]>>, EffectError> {
    maps_named(name, size_of::<u32>(), V, |map| Array::try_from(map).ok())
}

fn maps_named<T>(
    name: &str,
    key_bytes: usize,
    value_bytes: usize,
    typed: impl Fn(Map) -> Option<T>,
) -> Result<Vec<T>, EffectError> {
    let mut found = Vec::new();
    for info in loaded_maps() {
        let info = match info {
            Ok(info) => info,
            // A map that vanished while the list was read needs no undo.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(unavailable("the list of BPF maps")(error)),
        };
        let shape = (info.key_size() as usize, info.value_size() as usize);
        if info.name_as_str() == Some(name) && shape == (key_bytes, value_bytes) {
            let map = MapData::from_id(info.id()).and_then(Map::from_map_data);
            found.extend(map.ok().and_then(&typed));
        }
    }
    Ok(found)
}

fn is_gone(error: &aya::maps::MapError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Marks what belongs to an injection inside maps, so that two of them are told apart: FNV-1a over
/// run and injection.
pub(crate) fn token(run: &str, injection: &str) -> u64 {
    let bytes = run.bytes().chain([0]).chain(injection.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Names a mechanism the kernel refused, with the whole chain of reasons on one line.
pub(crate) fn unavailable<E: Error>(what: &'static str) -> impl FnOnce(E) -> EffectError {
    move |error| EffectError::Unavailable { what, why: chain(&error) }
}

fn chain(error: &dyn Error) -> String {
    let mut text = first_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = first_line(&error.to_string());
        // Some errors repeat their cause in their own text.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// The verifier's log follows on further lines; it is of use to nobody who runs an experiment.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches(" Verifier output:").to_owned()
}
