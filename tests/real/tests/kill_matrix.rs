//! Whoever is killed with -9, in whichever phase: the host is as it was, and soon.
//!
//! `SQUALL_KILLS` sets how many runs there are, `SQUALL_SEED` which ones. The seed is printed.

use crate::seen::{CASES, Case};
use crate::victim::{Agent, RESTORED_WITHIN, ROLE, SOON, Victim, alone};
use rustix::process::{Pid, Signal, kill_process};
use squall_agent::journal::peek;
use squall_faults::catalog;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::injection::Injection;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
/// Runs in an ordinary test; the bench asks for 200.
const KILLS: u32 = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Agent,
    Watchdog,
    AgentAndWatchdog,
    Target,
    Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// So many microseconds after the order to arm.
    Arming(u64),
    /// While the fault is in place.
    Armed,
    /// So many microseconds after the order to disarm.
    Disarming(u64),
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// A run in a process of its own.
struct Run {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Run {
    fn start(agent: &Agent) -> Run {
        let mut command = Command::new(ROLE);
        command.arg("client").stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("SQUALL_STATE", &agent.paths.state_dir);
        command.env("SQUALL_SOCKET", &agent.paths.socket);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut run = Run { child, lines };
        assert_eq!(run.hear(), "connected");
        run
    }

    fn say(&mut self, text: &str) {
        // It may be dead already: that is the point of the exercise.
        drop(writeln!(self.child.stdin.as_mut().unwrap(), "{text}"));
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn kill(pid: u32) {
    // It may have ended by itself in this very moment.
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL);
}

/// Waits without giving the processor away for longer than asked.
fn spin(us: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(us) {
        std::thread::yield_now();
    }
}

/// One run of the matrix; answers how long the restore took.
fn play(victim: &Victim, case: &Case, who: Who, phase: Phase, number: u32) -> Duration {
    let mut agent = Agent::start(victim);
    let watchdog = agent.client().greeting().watchdog;
    let (before, count) = (victim.fingerprint(), case.count(victim));
    let mut run = Run::start(&agent);
    let injection = Injection {
        run: format!("run{number}"),
        // Long enough that no restore here is the lease's.
        lease_ms: 30_000,
        ..case.injection(victim)
    };
    run.say(&serde_json::to_string(&injection).unwrap());
    match phase {
        Phase::Arming(us) => spin(us),
        Phase::Armed => {
            assert_eq!(run.hear(), "armed");
            until(&format!("{} shows", case.fault), SOON, || {
                case.shows(victim, count).then_some(())
            });
        }
        Phase::Disarming(us) => {
            assert_eq!(run.hear(), "armed");
            run.say("disarm");
            spin(us);
        }
    }
    let mut start = Instant::now();
    match who {
        Who::Agent => agent.kill(),
        Who::Watchdog => kill(watchdog),
        Who::Target => kill(victim.pid()),
        Who::Client => kill(run.child.id()),
        Who::AgentAndWatchdog => {
            kill(watchdog);
            agent.kill();
        }
    }
    match who {
        Who::AgentAndWatchdog => {
            start = Instant::now();
            agent = Agent::start(victim);
        }
        Who::Watchdog => {
            // Nothing is restored, because nothing is lost: the run ends in its own time.
            if phase == Phase::Armed {
                // On a loaded machine one look may see too little of it.
                until("the fault stays", SOON, || case.shows(victim, count).then_some(()));
            }
            if !matches!(phase, Phase::Disarming(_)) {
                start = Instant::now();
                run.say("disarm");
            }
            until("the run disarms", SOON, || run.hear().starts_with("disarmed").then_some(()));
        }
        // Its end is what the fault is for: only the run knows when it has seen enough.
        Who::Target if case.ends_target() && !matches!(phase, Phase::Disarming(_)) => {
            start = Instant::now();
            run.say("disarm");
        }
        _ => {}
    }
    until(&format!("{who:?} {phase:?} {}: restored", case.fault), SOON, || {
        let open = peek(&agent.paths.state_dir).unwrap().open;
        (open.is_empty() && is_quiet(&agent, who) && !victim.is_stopped()).then_some(())
    });
    let took = start.elapsed();
    // An order of the killed run may still have been on its way through the socket.
    spin(20_000);
    until("it stays restored", SOON, || is_quiet(&agent, who).then_some(()));
    if who == Who::Target && !case.ends_target() {
        until("nothing is left in the dead target's cgroup", SOON, || {
            victim.cgroup_members().is_empty().then_some(())
        });
    } else {
        until("it does not hurt any more", SOON, || case.is_over(victim).then_some(()));
        if case.ends_target() {
            victim.assert_nothing_new(&before);
        } else {
            victim.assert_unchanged(&before);
        }
    }
    took
}

/// True once nothing is under way any more: a killed run's order may still be on its way.
fn is_quiet(agent: &Agent, who: Who) -> bool {
    if who == Who::Agent {
        return true;
    }
    let mut client = agent.client();
    let status = client.call(squall_wire::protocol::Ask::Status).unwrap();
    let squall_wire::protocol::Answer::Status { armed, stuck } = status else { return false };
    assert!(stuck.is_empty(), "{stuck:?}");
    armed.is_empty()
}

#[test]
fn whoever_is_killed_in_whichever_phase_the_host_is_restored() {
    if !met("whoever_is_killed_in_whichever_phase_the_host_is_restored", NEEDS) {
        return;
    }
    let _alone = alone();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SQUALL_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    let seed = number("SQUALL_SEED").unwrap_or(20_261_124);
    println!("kill matrix: {kills} runs, SQUALL_SEED={seed}");
    let mut dice = Dice(seed);
    let cases: Vec<&Case> = CASES.iter().filter(|c| catalog::find(c.fault).is_some()).collect();
    let whos = [Who::Agent, Who::Watchdog, Who::AgentAndWatchdog, Who::Target, Who::Client];
    let mut took: BTreeMap<Who, Vec<Duration>> = BTreeMap::new();
    for number in 0..kills {
        let case = cases[dice.below(cases.len() as u64) as usize];
        let victim = (case.victim)();
        // Everybody in turn, so that a short matrix has them all.
        let who = whos[number as usize % whos.len()];
        let phase = match dice.below(3) {
            // The first use of a BPF program takes a hundred times as long as the next.
            0 if dice.below(2) == 0 => Phase::Arming(dice.below(6_000)),
            0 => Phase::Arming(dice.below(200_000)),
            1 => Phase::Armed,
            _ => Phase::Disarming(dice.below(4_000)),
        };
        println!("{number}: {} kill -9 {who:?} {phase:?}", case.fault);
        let late = play(&victim, case, who, phase, number);
        assert!(late < RESTORED_WITHIN, "{number}: restored only after {late:?}");
        took.entry(who).or_default().push(late);
    }
    for (who, mut took) in took {
        took.sort_unstable();
        let (least, median, most) = (took[0], took[took.len() / 2], took[took.len() - 1]);
        println!("{who:?}: {} kills, restored after {least:?} / {median:?} / {most:?}", took.len());
    }
}
