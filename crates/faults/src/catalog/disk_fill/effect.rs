//! Starts a worker that holds a file without a name and gives it space.

use super::FAULT;
use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::unnamed;
use crate::sys::worker::{Counter, Leash, Task, Undo, WORK_NAME, Worker};
use crate::values::Checked;
use rustix::fs::{FallocateFlags, OFlags, StatVfs, fallocate, fstatvfs};
use serde_json::Value;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::fs::File;
use std::io::Write;

/// The effect.
pub static EFFECT: &dyn Effect = &DiskFill;

const MIB: u64 = 1 << 20;
/// Space is taken in pieces: between two the lease and the reserve are looked at.
const PIECE: u64 = 64 * MIB;
/// What is taken, for whoever reads it.
const TAKEN: &str = "taken";

struct DiskFill;

struct Held {
    path: String,
    asked: u64,
    worker: Worker,
}

impl Effect for DiskFill {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        asked(injection.target.process, values)?;
        Ok(Undo::of(injection).value())
    }

    fn apply(
        &self,
        _injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let asked = asked(receipt.process, values)?;
        let path = values.text("path").unwrap_or_default().to_owned();
        let reserve = values.bytes("reserve").unwrap_or(0);
        let words = [receipt.process.pid.to_string(), path.clone(), asked.to_string()];
        let words = [&words[..], &[reserve.to_string()]].concat();
        let (token, fault) = (Undo::read(receipt)?.token, FAULT.describe().name);
        let task = Task { token, fault, words, oom_score: 1000 };
        Ok(Box::new(Held { path, asked, worker: Worker::start(&task, &[], lease)? }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        Undo::read(receipt)?.end()
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        Ok(Undo::read(receipt)?.residue())
    }

    fn advice(&self, receipt: &Receipt) -> String {
        Undo::read(receipt).map_or_else(|_| "squall undo".to_owned(), |undo| undo.advice())
    }

    fn work(&self, words: &[String], leash: &Leash) -> Result<(), String> {
        let [pid, path, size, reserve] = words else { return Err("no size is named".to_owned()) };
        let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
        let (size, reserve) = (number(size)?, number(reserve)?);
        let pid: u32 = pid.parse().map_err(|_| "its target is not readable")?;
        let said = |error: std::io::Error| format!("{path}: {error}");
        let folder = unnamed::folder(pid, path).map_err(said)?;
        let mut file = unnamed::create(&folder, OFlags::empty()).map_err(said)?;
        let taken = Counter::new(TAKEN).map_err(said)?;
        let mut done = 0;
        while done < size && !leash.ended() {
            let room = fstatvfs(&folder).map_err(|error| said(error.into()))?;
            let next = PIECE.min(size - done).min(free(&room).saturating_sub(reserve));
            if next == 0 {
                break;
            }
            take(&mut file, done, next).map_err(said)?;
            done += next;
            taken.set(done);
        }
        // Both live as long as the process.
        std::mem::forget((file, taken));
        Ok(())
    }
}

/// How much space is to be taken, or why that cannot be.
fn asked(process: ProcessIdentity, values: &Checked) -> Result<u64, EffectError> {
    let path = values.text("path").unwrap_or_default();
    let room = unnamed::room(process, path)?;
    let reserve = values.bytes("reserve").unwrap_or(0);
    let most = free(&room).saturating_sub(reserve);
    let size = match values.bytes("size") {
        Some(size) => size,
        None => {
            let left = values.share("left") * (room.f_blocks * room.f_frsize) as f64;
            free(&room).saturating_sub(left as u64)
        }
    };
    let (free, reserve) = (free(&room) / MIB, reserve / MIB);
    if size > most && values.has("size") {
        return Err(EffectError::InTheWay(format!(
            "{path} has {free} MiB free; {} MiB and a reserve of {reserve} MiB are asked",
            size / MIB
        )));
    }
    let size = size.min(most);
    if size < MIB {
        return Err(EffectError::InTheWay(format!(
            "{path} has {free} MiB free already, with a reserve of {reserve} MiB: nothing to take"
        )));
    }
    Ok(size)
}

/// What a service without root's share can still write, in bytes.
fn free(room: &StatVfs) -> u64 {
    room.f_bavail.saturating_mul(room.f_frsize)
}

fn take(file: &mut File, at: u64, length: u64) -> std::io::Result<()> {
    match fallocate(&*file, FallocateFlags::empty(), at, length) {
        Err(rustix::io::Errno::OPNOTSUPP) => {
            // The file system gives space only to what is written.
            let zeros = vec![0; MIB as usize];
            let mut left = length;
            while left > 0 {
                let next = left.min(MIB);
                file.write_all(&zeros[..usize::try_from(next).unwrap_or(zeros.len())])?;
                left -= next;
            }
            Ok(())
        }
        taken => Ok(taken?),
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let asked = self.asked / MIB;
        let (path, asked_too) = (&self.path, Some(asked as f64));
        if let Some(detail) = self.worker.gone() {
            let delivered = Some(0.0);
            return Ok(Bite { seen: 1, asked: asked_too, delivered, detail, ..Bite::default() });
        }
        let taken = self.worker.counter(TAKEN) / MIB;
        let mut detail = format!("asked {asked} MiB on {path}, {taken} MiB taken");
        if taken < asked {
            detail += ": the reserve is kept";
        }
        let (hits, delivered) = (u64::from(taken > 0), Some(taken as f64));
        Ok(Bite { hits, seen: 1, asked: asked_too, delivered, detail, ..Bite::default() })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.worker.extend(lease)
    }

    fn mechanism(&self) -> String {
        format!("{WORK_NAME} holds a file without a name on {}", self.path)
    }
}
