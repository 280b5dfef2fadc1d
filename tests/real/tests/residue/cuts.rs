//! The power goes: the journal ends at any byte, and the pid may be another's by then.

use super::NEEDS;
use super::play::kill_both;
use super::result::Ledger;
use super::scene::Scene;
use crate::seen::{CASES, Case};
use crate::victim::{SOON, alone};
use squall_agent::points::Point;
use squall_agent::undo::undo_all;
use squall_faults::catalog;
use squall_real::needs::met;
use squall_real::until::until;
use squall_wire::journal::replay;

/// Faults in an ordinary test; the bench asks for all of them.
const FAULTS: usize = 2;

/// At every byte of a receipt that was written and not synced, nothing of the fault is there yet.
/// At every byte of its closing entry, nothing of it is there any more, and undoing it again
/// changes nothing.
#[test]
fn a_power_cut_at_any_byte_of_the_journal_leaves_nothing() {
    if !met("a_power_cut_at_any_byte_of_the_journal_leaves_nothing", NEEDS) {
        return;
    }
    let _alone = alone();
    let ledger = Ledger::open(std::env::var_os("SQUALL_RESIDUE").map(Into::into));
    let all = ledger.file().is_some();
    let known = CASES.iter().filter(|case| catalog::find(case.fault).is_some());
    let cases: Vec<&Case> = known.filter(|case| !case.ends_target()).collect();
    let step = if all { 1 } else { cases.len() / FAULTS };
    let (mut cuts, mut before) = (0, false);
    for case in cases.into_iter().step_by(step) {
        if case.needs.iter().any(|need| !met(case.fault, &[*need])) {
            continue;
        }
        if ledger.has_cuts(case.fault) {
            before = true;
            continue;
        }
        let here = cut(case, Point::ReceiptWritten) + cut(case, Point::Closed);
        cuts += here;
        println!("power cut: {} at each of {here} bytes", case.fault);
        ledger.add_cuts(case.fault, here);
    }
    assert!(before || cuts > 500, "{cuts} cuts");
}

/// Kills everybody at the point, then undoes from every prefix of the journal's last line.
fn cut(case: &Case, point: Point) -> usize {
    let mut scene = Scene::new(case);
    let watchdog = scene.agent().client().greeting().watchdog;
    let before = scene.victim.fingerprint();
    let mut run = scene.engine();
    let injection = case.injection(&scene.victim);
    if point == Point::ReceiptWritten {
        scene.trap.set("agent", point);
    }
    run.say(&serde_json::to_string(&injection).unwrap());
    if point == Point::Closed {
        assert_eq!(run.hear(), "armed");
        scene.trap.set("agent", point);
        run.say("disarm");
    }
    let held = scene.trap.caught(SOON);
    kill_both(&mut scene, watchdog);
    scene.agent = None;
    drop(held);
    let paths = squall_agent::paths::Paths::below(&scene.victim.state_dir());
    let journal = paths.state_dir.join("journal");
    let whole = std::fs::read(&journal).unwrap();
    let line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n');
    let line = line.map_or(0, |at| at + 1);
    let looked = [line, line + (whole.len() - line) / 2, whole.len() - 1, whole.len()];
    for end in line..=whole.len() {
        let found = replay(&whole[..end]);
        let is_whole = end == whole.len();
        let expected = match point {
            Point::ReceiptWritten => usize::from(is_whole),
            _ => usize::from(!is_whole),
        };
        assert_eq!(found.open.len(), expected, "{} cut at {end} of {}", case.fault, whole.len());
        if !looked.contains(&end) {
            continue;
        }
        std::fs::write(&journal, &whole[..end]).unwrap();
        // A rotten tail is told, and is no reason to leave anything.
        let report = undo_all(&paths).unwrap();
        assert!(report.stuck.is_empty(), "{} cut at {end}: {report:?}", case.fault);
        assert_eq!(report.restored.len(), expected, "{} cut at {end}", case.fault);
        until("it does not hurt", SOON, || case.is_over(&scene.victim).then_some(()));
        scene.victim.assert_unchanged(&before);
    }
    whole.len() - line + 1
}
