//! The world: a queue of events, and what each one does.

use crate::agent_side::AgentSide;
use crate::engine_side::EngineSide;
use crate::host::Host;
use crate::laws::{self, Broken};
use crate::queue::{Happening, Queue};
use crate::trouble::{self, MS, SECOND, Trouble, troubles};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use squall_agent::core as agent;
use squall_engine::core::{Core, Event, Script, ScriptStep};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::Injection;
use squall_wire::record::{Indicator, Toggled, Unit, Verdict};
use squall_wire::target::Target;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Targets a run may hold.
pub(crate) const RADIUS: usize = 2;
/// How long a world is watched: the run itself takes at most about a minute of it.
const END_NS: u64 = 240 * SECOND;
/// Events a world may take; one that needs more runs in a circle.
const EVENTS_MAX: usize = 200_000;

/// How a simulated run went.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The engine's exit code; none where it was killed.
    pub exit: Option<u8>,
    /// The law that was broken, if any.
    pub broken: Option<Broken>,
    /// What happened, one line each.
    pub told: Vec<String>,
    /// Events it took.
    pub events: usize,
}

pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) queue: Queue,
    pub(crate) now_ns: u64,
    pub(crate) engine: Option<EngineSide>,
    pub(crate) agent: Option<AgentSide>,
    pub(crate) host: Host,
    /// Which receipt the slot of the living agent applied.
    pub(crate) slots: BTreeMap<agent::Slot, String>,
    pub(crate) lives: u64,
    pub(crate) connection: Option<u64>,
    pub(crate) connections: u64,
    /// True once the agent said welcome on this connection.
    pub(crate) greeted: bool,
    pub(crate) arrives_at_agent_ns: u64,
    pub(crate) arrives_at_engine_ns: u64,
    /// When each side looks at its clock next, so that it is planned once.
    pub(crate) agent_tick_ns: u64,
    pub(crate) engine_tick_ns: u64,
    pub(crate) restoring_until_ns: u64,
    /// Until when neither agent nor watchdog could act, the last time that was so.
    pub(crate) nobody_until_ns: u64,
    pub(crate) slow_until_ns: u64,
    pub(crate) disk_full_until_ns: u64,
    pub(crate) silent_until_ns: u64,
    pub(crate) outage_until_ns: u64,
    pub(crate) no_start: bool,
    pub(crate) told_no_start: bool,
    pub(crate) fault_hurts: bool,
    pub(crate) gaps: u32,
    pub(crate) planned: usize,
    pub(crate) troubles: usize,
    pub(crate) exit: Option<u8>,
    pub(crate) verdict: Option<Verdict>,
    told: Vec<String>,
}

/// Lives through one seed. A core that breaks one of its own invariants is a broken law, too.
pub fn simulate(seed: u64) -> Report {
    let mut world = World::new(seed);
    let mut events = 0;
    let lived = catch_unwind(AssertUnwindSafe(|| world.live(&mut events)));
    let mut broken = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Some(Broken { law: "invariants of the cores", seen: text.unwrap_or_default() })
    });
    broken = broken.or_else(|| world.end());
    if let Some(broken) = &broken {
        world.tell(format!("BROKEN: {}: {}", broken.law, broken.seen));
    }
    Report { exit: world.exit, broken, told: world.told, events }
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let script = script(&mut rng);
        let planned = script.steps.iter().map(|step| step.injections.len()).sum();
        let (core, first) = Core::begin(script, 0);
        let mut world = World {
            queue: Queue::default(),
            now_ns: 0,
            engine: Some(EngineSide { core, hung_until_ns: 0 }),
            agent: None,
            host: Host::default(),
            slots: BTreeMap::new(),
            lives: 0,
            connection: None,
            connections: 0,
            greeted: false,
            arrives_at_agent_ns: 0,
            arrives_at_engine_ns: 0,
            agent_tick_ns: 0,
            engine_tick_ns: 0,
            restoring_until_ns: 0,
            nobody_until_ns: 0,
            slow_until_ns: 0,
            disk_full_until_ns: 0,
            silent_until_ns: 0,
            outage_until_ns: 0,
            no_start: false,
            told_no_start: false,
            fault_hurts: rng.random_bool(0.3),
            gaps: 0,
            planned,
            troubles: 0,
            exit: None,
            verdict: None,
            told: Vec::new(),
            rng,
        };
        world.queue.at(0, Happening::Connect);
        for (at_ns, trouble) in troubles(&mut world.rng, 20 * SECOND) {
            world.troubles += 1;
            world.queue.at(at_ns, Happening::Trouble(trouble));
        }
        first.into_iter().for_each(|command| world.engine_command(command));
        world.plan_engine_tick();
        world
    }

    /// True while neither agent nor watchdog can act.
    pub(crate) fn nobody(&self) -> bool {
        let agent = self.agent.as_ref().is_some_and(|side| side.hung_until_ns <= self.now_ns);
        let restoring = self.restoring_until_ns >= self.now_ns && self.restoring_until_ns > 0;
        !agent && !self.host.watchdog_up && !restoring
    }

    pub(crate) fn tell(&mut self, what: String) {
        let ms = self.now_ns / MS;
        self.told.push(format!("{:>4}.{:03}  {what}", ms / 1_000, ms % 1_000));
    }

    fn live(&mut self, events: &mut usize) -> Option<Broken> {
        while let Some((at_ns, happening)) = self.queue.pop() {
            *events += 1;
            if at_ns > END_NS {
                break;
            }
            if *events > EVENTS_MAX {
                return Some(Broken { law: "no circles", seen: format!("{events} events") });
            }
            self.now_ns = self.now_ns.max(at_ns);
            let was_over = self.exit.is_some();
            self.happen(happening);
            if self.nobody() {
                self.nobody_until_ns = self.now_ns;
            }
            let is_news = self.exit.is_some() && !was_over;
            let said = if is_news { laws::check_verdict(self) } else { Ok(()) };
            if let Err(broken) = said.and_then(|()| laws::check(self)) {
                return Some(broken);
            }
        }
        None
    }

    fn happen(&mut self, happening: Happening) {
        // A process that hangs does nothing now, and everything afterwards.
        let for_engine = matches!(
            happening,
            Happening::EngineTick
                | Happening::Pulled { .. }
                | Happening::AtEngine { .. }
                | Happening::Connect
                | Happening::EngineHearsCut { .. }
        );
        if let (true, Some(until_ns)) = (for_engine, self.engine_hangs()) {
            return self.queue.at(until_ns, happening);
        }
        match happening {
            Happening::EngineTick => self.engine_event(Event::Tick),
            Happening::Pulled { pull, purpose } => self.pulled(pull, purpose),
            Happening::AtEngine { connection, message } => self.at_engine(connection, *message),
            Happening::AtAgent { connection, call } => {
                let client = agent::Client(connection);
                self.agent_event(agent::Event::Called { client, call });
            }
            Happening::Connect => self.connect(),
            Happening::EngineHearsCut { connection } => {
                if self.connections != connection || self.connection.is_some() {
                    return;
                }
                // The link tries again by itself until it was greeted.
                if self.greeted {
                    self.engine_event(Event::AgentLost { why: "connection reset".into() });
                } else {
                    self.queue.at(self.now_ns + MS, Happening::Connect);
                }
            }
            Happening::AgentHearsCut { connection } => {
                self.agent_event(agent::Event::Left { client: agent::Client(connection) });
            }
            Happening::AgentTick => self.agent_event(agent::Event::Tick),
            Happening::Act { life, command } => {
                let hung = self.agent.as_ref().map_or(0, |side| side.hung_until_ns);
                if hung > self.now_ns {
                    return self.queue.at(hung, Happening::Act { life, command });
                }
                self.act(life, *command);
            }
            Happening::Heard { life, event } => {
                if self.agent.as_ref().is_some_and(|side| side.life == life) {
                    self.agent_event(*event);
                }
            }
            Happening::AgentStarts => {
                if self.restoring_until_ns <= self.now_ns && !self.no_start {
                    self.agent_starts();
                }
            }
            Happening::WatchdogStarts { life } => {
                if self.agent.as_ref().is_some_and(|side| side.life == life) {
                    self.host.watchdog_up = true;
                    self.agent_event(agent::Event::WatchdogIs { pid: 11 });
                    self.agent_event(agent::Event::WatchdogReady { pid: 11 });
                }
            }
            Happening::WatchdogActs => {
                self.tell("watchdog restores".into());
                self.host.watchdog_restores();
            }
            Happening::WatchdogLooks => self.watchdog_looks(),
            Happening::Trouble(trouble) => self.trouble(trouble),
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.tell(format!("TROUBLE {trouble:?}"));
        let until = |long| self.now_ns + long;
        match trouble {
            Trouble::KillEngine => {
                self.engine = None;
                self.break_connection();
            }
            Trouble::KillAgent => self.agent_dies(),
            Trouble::KillWatchdog => self.watchdog_dies(),
            Trouble::KillAgentAndWatchdog => {
                self.host.watchdog_up = false;
                self.agent_dies();
            }
            Trouble::Cut => self.break_connection(),
            Trouble::HangAgent(long) => {
                let until_ns = until(long);
                if let Some(side) = &mut self.agent {
                    side.hung_until_ns = until_ns;
                }
            }
            Trouble::HangEngine(long) => {
                let until_ns = until(long);
                if let Some(side) = &mut self.engine {
                    side.hung_until_ns = until_ns;
                }
            }
            Trouble::Signal => self.engine_event(Event::Stop { by: "SIGTERM".into() }),
            Trouble::Silence(long) => self.silent_until_ns = until(long),
            Trouble::Outage(long) => self.outage_until_ns = until(long),
            Trouble::TargetGone => {
                let first = self.slots.first_key_value().map(|(slot, _)| *slot);
                if let Some(slot) = first {
                    self.agent_event(agent::Event::TargetGone { slot });
                }
            }
            Trouble::DiskFull(long) => self.disk_full_until_ns = until(long),
            Trouble::RevertFails(times) => {
                self.host.stubborn = times;
                self.host.hopeless |= times > 5;
            }
            Trouble::NoStart => self.no_start = true,
            Trouble::SlowWire(long) => self.slow_until_ns = until(long),
        }
    }

    fn watchdog_dies(&mut self) {
        if !self.host.watchdog_up {
            return;
        }
        self.host.watchdog_up = false;
        if let Some(life) = self.agent.as_ref().map(|side| side.life) {
            let at_ns = self.now_ns + self.rng.random_range(5 * MS..50 * MS);
            self.queue.at(at_ns, Happening::WatchdogStarts { life });
        }
    }

    /// Whoever is left has had its time; a person starts an agent where none runs.
    fn end(&mut self) -> Option<Broken> {
        self.no_start = false;
        if self.agent.is_none() {
            self.agent_starts();
        }
        let end_ns = self.now_ns + 30 * SECOND;
        while let Some((at_ns, happening)) = self.queue.pop() {
            if at_ns > end_ns {
                break;
            }
            self.now_ns = self.now_ns.max(at_ns);
            self.happen(happening);
        }
        laws::check_end(self).err()
    }
}

fn script(rng: &mut StdRng) -> Script {
    let lease_ms = [200, 1_000, 5_000][rng.random_range(0..3)];
    let mut id = 0;
    let mut injection = |rng: &mut StdRng, hold_ms: u64| {
        id += 1;
        let fault = ["process.pause", "net.refuse"][rng.random_range(0..2)];
        one(id, fault, lease_ms, hold_ms + lease_ms)
    };
    // One run in four switches its faults on and off at random.
    let toggled = if rng.random_range(0..4) == 0 { trouble::toggled(rng) } else { Vec::new() };
    let slot_ms = rng.random_range(1_000..2_500);
    let slots = toggled.first().map_or(0, |fault: &Toggled| fault.on.len());
    let mut slot = |rng: &mut StdRng, at: usize| {
        let on = toggled.iter().filter(|fault| fault.on[at]);
        let injections = on.map(|_| injection(rng, slot_ms)).collect();
        ScriptStep { injections, hold_us: slot_ms * 1_000 }
    };
    let schedule: Vec<ScriptStep> = (0..slots).map(|at| slot(rng, at)).collect();
    let steps: Vec<ScriptStep> = (0..rng.random_range(1..3))
        .map(|_| {
            let hold_ms = rng.random_range(2_000..6_000);
            let count = rng.random_range(1..=RADIUS);
            let injections = (0..count).map(|_| injection(rng, hold_ms)).collect();
            ScriptStep { injections, hold_us: hold_ms * 1_000 }
        })
        .collect();
    Script {
        run: "7k2f9".into(),
        indicators: vec![Indicator {
            name: "order success".into(),
            query: "q".into(),
            expect: ">= 95%".into(),
            unit: Unit::Share,
            bound: 0.95,
            at_least: true,
            bad_share: Some(0.05),
            bad_word: "failed".into(),
        }],
        consecutive: 2,
        strikes_end: true,
        every_us: 500_000,
        literal: false,
        false_alarm: 0.01,
        evidence_aborts: false,
        baseline_us: 2_000_000,
        steps: if schedule.is_empty() { steps } else { schedule },
        toggled,
        recovery_us: 3_000_000,
        radius_max: u32::try_from(RADIUS).unwrap_or(u32::MAX),
    }
}

fn one(id: u32, fault: &str, lease_ms: u64, cap_ms: u64) -> Injection {
    let process = ProcessIdentity { pid: 100 + id, start_ticks: 1 };
    Injection {
        id: format!("i{id}"),
        run: "7k2f9".into(),
        fault: fault.into(),
        params: BTreeMap::new(),
        filters: BTreeMap::new(),
        target: Target {
            name: format!("payment-{id}"),
            service: "payment".into(),
            process,
            netns: 1,
            cgroup: "/".into(),
            listening: Vec::new(),
            probes: Vec::new(),
        },
        lease_ms,
        cap_ms,
        seed: 1,
    }
}
