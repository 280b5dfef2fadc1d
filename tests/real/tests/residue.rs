//! Whoever is killed with -9, in whichever phase, at whichever named point between receipt and
//! restored: nothing stays, and soon.
//!
//! `SQUALL_KILLS` sets how many kills there are, spread over all faults; `SQUALL_SEED` their
//! order; `SQUALL_RESIDUE` names a file to which each result is added, and from which a further
//! run goes on; `SQUALL_MINUTES` ends the run; `SQUALL_FAULT` chooses one fault and
//! `SQUALL_WHO` who dies; `SQUALL_WRITE` names the folder in which the tables are rewritten. `cargo xtask bench residue` sets them.

mod cuts;
mod orders;
mod play;
mod result;
mod scene;
mod table;
mod trap;

use crate::seen::{CASES, Case};
use crate::victim::alone;
use orders::Order;
use result::Ledger;
use scene::Scene;
use squall_faults::catalog;
use squall_real::needs::{Need, met};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
/// Kills in an ordinary test; the bench asks for a thousand and more.
const KILLS: usize = 24;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whoever_is_killed_at_whichever_point_nothing_stays() {
    if !met("whoever_is_killed_at_whichever_point_nothing_stays", NEEDS) {
        return;
    }
    let _alone = alone();
    let kills = number("SQUALL_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let seed = number("SQUALL_SEED").unwrap_or(20_261_128);
    let ends = number("SQUALL_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let start = Instant::now();
    println!("residue: {kills} kills, SQUALL_SEED={seed}");
    let mut ledger = Ledger::open(std::env::var_os("SQUALL_RESIDUE").map(Into::into));
    let wanted = std::env::var("SQUALL_FAULT").ok();
    let cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| catalog::find(case.fault).is_some())
        .filter(|case| wanted.as_ref().is_none_or(|wanted| case.fault == wanted))
        .collect();
    let who = std::env::var("SQUALL_WHO").ok();
    let left_out = |fault: &str, order: &Order| {
        ledger.has(fault, order) || who.as_ref().is_some_and(|who| order.who.name() != who)
    };
    let spread = orders::spread(&cases, kills, seed, left_out);
    for (case, orders) in spread {
        if ends.is_some_and(|ends| start.elapsed() > ends) {
            println!("residue: the time is up after {} kills; run again to go on", ledger.played());
            break;
        }
        if let Some(missing) = case.needs.iter().find(|need| !met(case.fault, &[**need])) {
            println!("SKIP {}: {missing:?}", case.fault);
            continue;
        }
        kill_all(case, &orders, &mut ledger);
    }
    if let (Some(root), Some(file)) = (std::env::var_os("SQUALL_WRITE"), ledger.file()) {
        table::write(root.as_ref(), file);
    }
    let failed = ledger.failed();
    assert!(failed.is_empty(), "{} kills left something:\n{}", failed.len(), failed.join("\n"));
    println!("residue: {} kills in {:?}, residue 0", ledger.played(), start.elapsed());
}

/// Plays one fault's orders on one target, for as long as that lives.
fn kill_all(case: &Case, orders: &[Order], ledger: &mut Ledger) {
    let mut scene: Option<Scene> = None;
    for order in orders {
        let begun = Instant::now();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut here = scene.take().unwrap_or_else(|| Scene::new(case));
            let took = play::play(&mut here, case, order);
            if here.is_usable() {
                scene = Some(here);
            }
            took
        }));
        let took = played.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        });
        println!("{} · {order}: {took:?} (in all {:?})", case.fault, begun.elapsed());
        ledger.add(case.fault, order, took);
    }
}
