//! What must be so once a run is over: everything is closed, and the journal and the record are
//! whole.

use super::{Broken, broken};
use crate::disk::Handle;
use crate::world::World;
use squall_wire::chain::Chain;
use squall_wire::journal::{Damage, replay};

/// Checks what must hold once everybody had time, and an agent was started again where none was.
pub(crate) fn check_end(world: &World) -> Result<(), Broken> {
    if !world.host.effects.is_empty() {
        return broken("everything ends", format!("{:?}", world.host.effects));
    }
    let found = replay(&world.disk.0.borrow().bytes);
    if !found.open.is_empty() {
        return broken("every receipt is closed", format!("{:?}", found.open));
    }
    let unsound = found.damaged.iter().find(|(_, damage)| !matches!(damage, Damage::Torn(_)));
    if let Some(damage) = unsound {
        return broken("the journal is whole", format!("{damage:?}"));
    }
    if world.engine.is_some() {
        return broken("every run ends", format!("{:?}", world.now_ns));
    }
    world.record.as_ref().map_or(Ok(()), check_record)
}

/// Checks that each line of the record follows from the one before it.
fn check_record(record: &Handle) -> Result<(), Broken> {
    let record = record.0.borrow();
    let mut chain = Chain::default();
    for (number, line) in record.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some((b'\n', line)) = line.split_last() else { break };
        let link = format!("\"link\":\"{}\"", chain.last());
        let head = String::from_utf8_lossy(&line[..line.len().min(160)]);
        if !head.contains(&link) {
            return broken("the record is whole", format!("line {}: {head}", number + 1));
        }
        chain.advance(line);
    }
    Ok(())
}
