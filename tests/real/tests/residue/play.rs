//! One kill: arm, come to the moment, kill, and look until all is as it was.

use super::orders::{Order, When, Who};
use super::scene::{Run, Scene, kill};
use crate::seen::{Case, Seen};
use crate::victim::{SOON, restored_within};
use rustix::process::Signal;
use squall_agent::journal::peek;
use squall_agent::points::Point;
use squall_faults::catalog;
use squall_faults::fault::Death;
use squall_faults::sys::fingerprint;
use squall_real::until::until;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Ask};
use std::time::{Duration, Instant};

/// How a kill went.
#[derive(Debug)]
pub(super) struct Played {
    /// From the kill, or the start of who restores after it, to all closed.
    pub(super) took: Duration,
    /// From the agent's death until the kernel has dropped the links by itself.
    pub(super) kernel: Option<Duration>,
}

/// Kills, and fails unless all is as before.
pub(super) fn play(scene: &mut Scene, case: &Case, order: &Order) -> Played {
    scene.runs += 1;
    let watchdog = scene.agent().client().greeting().watchdog;
    let (before, count) = (scene.victim.fingerprint(), case.count(&scene.victim));
    let mut run = if order.who == Who::Cli { scene.cli(case) } else { scene.engine() };
    let held = come_to(scene, case, &mut run, order, count);
    let start = Instant::now();
    match order.who {
        Who::Engine | Who::Cli => kill(run.child.id(), Signal::KILL),
        Who::Agent => scene.agent().kill(),
        Who::Watchdog => kill(watchdog, Signal::KILL),
        Who::Target => kill(scene.victim.pid(), Signal::KILL),
        Who::Both => kill_both(scene, watchdog),
        // These come to their point only after others died.
        Who::WatchdogRestoring | Who::Undo => {}
    }
    drop(held);
    let kernel = kernel_end(scene, case, order, start);
    let start = afterwards(scene, case, &mut run, order, watchdog).unwrap_or(start);
    let what = format!("{}, {order}: restored", case.fault);
    until(&what, SOON, || is_restored(scene).then_some(()));
    let took = start.elapsed();
    assert!(took < restored_within(), "restored only after {took:?}");
    if order.who == Who::Cli {
        // Its own end is told to nobody; the agent has heard of it.
        drop(run);
    }
    // An order of the killed run may still have been on its way through the socket.
    until("it stays restored", SOON, || is_restored(scene).then_some(()));
    look(scene, case, order, &before);
    Played { took, kernel }
}

/// When the kernel, with nobody's help, has dropped what hung on the agent's descriptors.
fn kernel_end(scene: &Scene, case: &Case, order: &Order, start: Instant) -> Option<Duration> {
    let died = matches!(order.who, Who::Agent | Who::Both) && order.when == When::Armed;
    let entry = catalog::find(case.fault).filter(|_| died)?;
    if entry.fault.describe().death != Death::KernelLink {
        return None;
    }
    let pid = scene.victim.pid();
    until("the kernel drops the links", SOON, || {
        fingerprint::links(&[pid]).is_ok_and(|links| links.is_empty()).then_some(())
    });
    Some(start.elapsed())
}

/// Brings fault and run to the moment of the kill; somebody may be held at a point.
fn come_to(
    scene: &mut Scene,
    case: &Case,
    run: &mut Run,
    order: &Order,
    count: u64,
) -> Option<std::os::unix::net::UnixStream> {
    let armed = |scene: &Scene| {
        let start = Instant::now();
        while !case.shows(&scene.victim, count) {
            let said = std::fs::read_to_string(scene.victim.lab.scratch().join("run.log"));
            let said = said.unwrap_or_default();
            assert!(start.elapsed() < SOON, "{} does not show: {said}", case.fault);
        }
    };
    let when = match order.who {
        // They are held only after the death of the agent, which comes when all is in place.
        Who::WatchdogRestoring | Who::Undo => When::Armed,
        _ => order.when,
    };
    let before_told =
        matches!(when, When::At(Point::ReceiptWritten | Point::ReceiptSynced | Point::Applied));
    if let (true, When::At(point)) = (before_told, when) {
        scene.trap.set("agent", point);
    }
    if order.who == Who::Cli {
        match when {
            When::At(_) if before_told => {}
            When::At(_) | When::Armed | When::Arming(_) | When::Disarming(_) => {
                // A look from within the target's group while the fault is put in place would be
                // a neighbor there, and the fault would be about the target's pid alone.
                scene.trap.set("agent", Point::Applied);
                drop(scene.trap.caught(SOON));
                armed(scene);
            }
        }
        if let When::At(point) = when {
            if !before_told {
                scene.trap.set("agent", point);
                kill(run.child.id(), Signal::INT);
            }
            return Some(scene.trap.caught(SOON));
        }
        return None;
    }
    run.say(&serde_json::to_string(&injection(scene, case)).unwrap());
    match when {
        When::Arming(us) => spin(us),
        When::At(_) if before_told => return Some(scene.trap.caught(SOON)),
        When::Armed => {
            assert_eq!(run.hear(), "armed");
            armed(scene);
        }
        When::Disarming(us) => {
            assert_eq!(run.hear(), "armed");
            run.say("disarm");
            spin(us);
        }
        When::At(point) => {
            assert_eq!(run.hear(), "armed");
            scene.trap.set("agent", point);
            run.say(if point == Point::Measured { "bite" } else { "disarm" });
            return Some(scene.trap.caught(SOON));
        }
    }
    None
}

/// What has to happen before anything can be restored; answers when the clock starts anew.
fn afterwards(
    scene: &mut Scene,
    case: &Case,
    run: &mut Run,
    order: &Order,
    watchdog: u32,
) -> Option<Instant> {
    let disarming = match order.when {
        When::Disarming(_) => true,
        When::At(point) => point >= Point::HolderDropped,
        When::Arming(_) | When::Armed => false,
    };
    match order.who {
        Who::Agent => {
            // The watchdog restores; nobody starts another agent.
            scene.agent = None;
            None
        }
        Who::Both => {
            scene.agent = None;
            let start = Instant::now();
            scene.agent();
            Some(start)
        }
        Who::Watchdog => {
            if order.when == When::Armed && matches!(case.seen, Seen::While(_)) {
                // On a loaded machine one look may see too little of it.
                until("the fault stays", SOON, || case.shows(&scene.victim, 0).then_some(()));
            }
            // Nothing is lost, so nothing is restored: the run ends in its own time.
            let start = (!disarming).then(Instant::now);
            if !disarming {
                run.say("disarm");
            }
            until("the run disarms", SOON, || run.hear().starts_with("disarmed").then_some(()));
            start
        }
        // Its end is what the fault is for: only the run knows when it has seen enough.
        Who::Target if case.ends_target() && !disarming => {
            run.say("disarm");
            Some(Instant::now())
        }
        Who::WatchdogRestoring => {
            let When::At(point) = order.when else { return None };
            scene.trap.set("watchdog", point);
            scene.agent().kill();
            scene.agent = None;
            let held = scene.trap.caught(SOON);
            kill(watchdog, Signal::KILL);
            drop(held);
            let start = Instant::now();
            scene.agent();
            Some(start)
        }
        Who::Undo => {
            let When::At(point) = order.when else { return None };
            kill_both(scene, watchdog);
            scene.agent = None;
            scene.trap.set("undo", point);
            let mut undo = scene.undo();
            let held = scene.trap.caught(SOON);
            undo.kill().unwrap();
            undo.wait().unwrap();
            drop(held);
            let start = Instant::now();
            let undone = scene.undo().wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&undone.stdout).into_owned();
            assert!(undone.status.success(), "undo says what is stuck: {said}");
            Some(start)
        }
        Who::Cli | Who::Engine | Who::Target => None,
    }
}

/// Stopped first, the agent cannot start another watchdog in the moment between the two.
pub(super) fn kill_both(scene: &mut Scene, watchdog: u32) {
    kill(scene.agent().child.id(), Signal::STOP);
    kill(watchdog, Signal::KILL);
    scene.agent().kill();
}

fn injection(scene: &Scene, case: &Case) -> Injection {
    Injection {
        run: format!("run{}", scene.runs),
        // Long enough that no restore here is the lease's.
        lease_ms: 30_000,
        ..case.injection(&scene.victim)
    }
}

/// True once no receipt is open, nothing is under way, and the target runs.
fn is_restored(scene: &Scene) -> bool {
    let open = peek(&scene.victim.state_dir()).unwrap().open;
    open.is_empty() && is_quiet(scene) && !scene.victim.is_stopped()
}

/// A killed run's order may still be on its way.
fn is_quiet(scene: &Scene) -> bool {
    let Some(agent) = scene.agent.as_ref() else { return true };
    let Answer::Status { armed, stuck } = agent.client().call(Ask::Status).unwrap() else {
        return false;
    };
    assert!(stuck.is_empty(), "{stuck:?}");
    armed.is_empty()
}

/// Fails unless the host is as before.
fn look(
    scene: &mut Scene,
    case: &Case,
    order: &Order,
    before: &squall_wire::fingerprint::Fingerprint,
) {
    let victim = &scene.victim;
    if order.who == Who::Target && !case.ends_target() {
        until("nothing is left in the dead target's cgroup", SOON, || {
            victim.cgroup_members().is_empty().then_some(())
        });
    } else {
        until("it does not hurt any more", SOON, || case.is_over(victim).then_some(()));
    }
    if order.who == Who::Target || case.ends_target() {
        victim.assert_nothing_new(before);
        scene.spend();
    } else {
        victim.assert_unchanged(before);
    }
}

/// Waits without giving the processor away for longer than asked.
fn spin(us: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(us) {
        std::thread::yield_now();
    }
}
