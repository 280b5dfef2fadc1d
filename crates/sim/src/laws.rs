//! The laws of the design, checked after every event.

use crate::trouble::SECOND;
use crate::world::{RADIUS, World};
use squall_wire::record::Word;

/// How long after its lease a fault may still be there: the agent's own tries to undo take
/// 700 ms, the watchdog's patience with a hung agent 400 ms, the host's own steps some more.
const BOUND_NS: u64 = 3 * SECOND / 2;

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: &'static str,
    /// What was seen.
    pub seen: String,
}

/// Checks what must hold at any moment.
pub(crate) fn check(world: &World) -> Result<(), Broken> {
    let open = world.host.open();
    for (id, effect) in &world.host.effects {
        if !open.iter().any(|receipt| receipt.id == *id) {
            return broken("no fault without an open receipt", id.clone());
        }
        // With agent and watchdog both gone nobody can act before the next start.
        let since_ns = effect.deadline_ns.max(world.nobody_until_ns);
        if !world.host.hopeless && !world.nobody() && world.now_ns > since_ns + BOUND_NS {
            return broken("no fault outlives its lease", format!("{id} at {} ns", world.now_ns));
        }
    }
    if world.host.targets() > RADIUS {
        return broken("the radius is never exceeded", format!("{:?}", world.host.effects));
    }
    Ok(())
}

/// Checks what must hold when the engine has said its last word.
pub(crate) fn check_verdict(world: &World) -> Result<(), Broken> {
    let (Some(exit), Some(verdict)) = (world.exit, &world.verdict) else { return Ok(()) };
    let left = world.host.effects.keys().cloned().collect::<Vec<_>>().join(", ");
    if exit != 5 && !left.is_empty() {
        return broken("what is not restored is exit 5", format!("exit {exit}, left: {left}"));
    }
    if verdict.word == Word::Held {
        let applied = world.host.applied.len() == world.planned;
        let data = verdict.indicators.iter().all(|i| i.total > Some(0) && i.gaps == 0);
        if !applied || !data || verdict.indicators.is_empty() {
            return broken("held is never said without data and effect", format!("{verdict:?}"));
        }
    }
    if exit == 5 && !world.host.hopeless && !world.no_start && left.is_empty() {
        return broken("no false cry for a person", verdict.sentence.clone());
    }
    if world.troubles == 0 {
        let expected = u8::from(world.fault_hurts);
        if exit != expected {
            let seen = format!("exit {exit} instead of {expected}: {}", verdict.sentence);
            return broken("without trouble the verdict is the truth", seen);
        }
    }
    Ok(())
}

/// Checks what must hold once everybody had time, and an agent was started again where none was.
pub(crate) fn check_end(world: &World) -> Result<(), Broken> {
    if world.host.hopeless {
        return Ok(());
    }
    if !world.host.effects.is_empty() {
        return broken("everything ends", format!("{:?}", world.host.effects));
    }
    let open = world.host.open();
    if !open.is_empty() {
        return broken("every receipt is closed", format!("{open:?}"));
    }
    if world.engine.is_some() {
        return broken("every run ends", format!("{:?}", world.now_ns));
    }
    Ok(())
}

fn broken(law: &'static str, seen: String) -> Result<(), Broken> {
    Err(Broken { law, seen })
}
