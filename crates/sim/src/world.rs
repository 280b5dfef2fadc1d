//! The world: everything there is, a queue of events, and the life from the first to the last.

use crate::agent_side::AgentSide;
use crate::clock::Clocks;
use crate::disk::Handle;
use crate::engine_side::EngineSide;
use crate::host::Host;
use crate::laws::{self, Broken, Truth};
use crate::mutant::Mutant;
use crate::network::Network;
use crate::queue::{Happening, Queue};
use crate::script::script;
use crate::trouble::{MS, SECOND, Trouble, troubles};
use crate::watchdog_side::{Restorer, Watchdog};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much longer than planned a run may take: a wait for an agent, some for its answers.
const SLACK_NS: u64 = 200 * SECOND;
/// How long everybody who is left has in the end.
const AFTER_NS: u64 = 30 * SECOND;
/// Events a world may take; one that needs more runs in a circle.
const EVENTS_MAX: usize = 2_000_000;

/// What to simulate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// Troubles of the seed that are left out, by number.
    pub without: Vec<usize>,
    /// The rule to break.
    pub mutant: Option<Mutant>,
    /// Whether to write down what happens.
    pub trace: bool,
}

/// How a simulated run went.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The engine's exit code; none where it was killed.
    pub exit: Option<u8>,
    /// The law that was broken, if any.
    pub broken: Option<Broken>,
    /// What happened, one line each, where a trace was asked for.
    pub told: Vec<String>,
    /// The troubles of the seed, the ones left out included.
    pub troubles: usize,
    /// Events it took.
    pub events: usize,
    /// Time it took in the world.
    pub virtual_ns: u64,
    /// Changes with anything that happens at another time or in another order.
    pub hash: u64,
}

/// Who holds the journal's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Agent(u64),
    Restorer(u64),
}

pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) queue: Queue,
    pub(crate) now_ns: u64,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) clocks: Clocks,
    pub(crate) engine_ppm: i64,
    pub(crate) disk: Handle,
    pub(crate) record: Option<Handle>,
    pub(crate) host: Host,
    pub(crate) lock: Option<Owner>,
    pub(crate) network: Network,
    pub(crate) engine: Option<EngineSide>,
    pub(crate) agent: Option<AgentSide>,
    pub(crate) watchdogs: BTreeMap<u64, Watchdog>,
    pub(crate) restorers: BTreeMap<u64, Restorer>,
    /// The next id of an agent, a watchdog or a restorer.
    pub(crate) next_id: u64,
    pub(crate) connection: Option<u64>,
    pub(crate) connections: u64,
    pub(crate) truth: Truth,
    pub(crate) troubles: Vec<(u64, Trouble)>,
    pub(crate) until: Until,
    pub(crate) no_agent: bool,
    pub(crate) told_no_agent: bool,
    pub(crate) half_applies: u32,
    /// The run's own traffic rests.
    pub(crate) rests: bool,
    /// What a fault broke stays broken until the traffic rests; `sticks` tells whether it does so.
    pub(crate) stuck: bool,
    pub(crate) sticks: bool,
    trace: bool,
    told: Vec<String>,
    hash: u64,
}

/// Until when something is bad.
#[derive(Debug, Default)]
pub(crate) struct Until {
    pub(crate) silent_ns: u64,
    pub(crate) outage_ns: u64,
    pub(crate) no_traffic_ns: u64,
    pub(crate) disk_slow_ns: u64,
    pub(crate) steps_slow_ns: u64,
    pub(crate) step_ns_max: u64,
    pub(crate) no_watchdog_ns: u64,
    pub(crate) disk_ns: [u64; 3],
}

/// Lives through one seed. A core that breaks one of its own invariants is a broken law, too.
pub fn simulate(options: &Options) -> Report {
    let mut world = World::new(options);
    let mut events = 0;
    let lived = catch_unwind(AssertUnwindSafe(|| {
        world.live(&mut events).or_else(|| world.end(&mut events))
    }));
    let broken = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Some(Broken { law: "a core's own invariants", seen: text.unwrap_or_default() })
    });
    if let Some(broken) = &broken {
        let line = format!("BROKEN: {}: {}", broken.law, broken.seen);
        world.tell(|| line);
    }
    Report {
        exit: world.truth.exit,
        broken,
        told: world.told,
        troubles: world.troubles.len(),
        events,
        virtual_ns: world.now_ns,
        hash: world.hash,
    }
}

impl World {
    fn new(options: &Options) -> World {
        let mut rng = StdRng::seed_from_u64(options.seed);
        let (script, length_ns) = script(&mut rng);
        // Troubles have a generator of their own: one that is left out moves no other.
        let baseline_ns = script.baseline_us * 1_000;
        let mut trouble = StdRng::seed_from_u64(!options.seed);
        let troubles = troubles(&mut trouble, baseline_ns, length_ns);
        let drifts = rng.random_bool(0.3);
        let mut ppm = || if drifts { rng.random_range(-500..500) } else { 0 };
        let (host_ppm, engine_ppm) = (ppm(), ppm());
        let planned = script.steps.iter().map(|step| step.injections.len()).sum();
        let all = script.steps.iter().flat_map(|step| &step.injections);
        let pids: Vec<u32> = all.map(|injection| injection.target.process.pid).collect();
        let mutant = options.mutant;
        let mut world = World {
            queue: Queue::default(),
            now_ns: 0,
            mutant,
            clocks: Clocks::new(host_ppm),
            engine_ppm,
            disk: Handle::new(rng.random(), mutant),
            // Writing a record costs more than all else together.
            record: options.seed.is_multiple_of(4).then(|| Handle::new(rng.random(), mutant)),
            host: Host::new(pids.into_iter().chain([901, 902]), mutant),
            lock: None,
            network: Network::default(),
            engine: None,
            agent: None,
            watchdogs: BTreeMap::new(),
            restorers: BTreeMap::new(),
            next_id: 1,
            connection: None,
            connections: 0,
            truth: Truth::new(planned, length_ns, rng.random_bool(0.3), drifts),
            troubles,
            until: Until::default(),
            no_agent: false,
            told_no_agent: false,
            half_applies: 0,
            rests: false,
            stuck: false,
            sticks: script.drain_us > 0,
            trace: options.trace,
            told: Vec::new(),
            hash: 0xcbf2_9ce4_8422_2325,
            rng,
        };
        world.queue.at(0, Happening::Connect);
        for (number, (at_ns, trouble)) in world.troubles.iter().enumerate() {
            if !options.without.contains(&number) {
                world.truth.troubles += 1;
                world.truth.sure &= trouble.leaves_sure();
                world.queue.at(*at_ns, Happening::Trouble(number));
            }
        }
        world.engine_begins(script);
        world
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// `CLOCK_BOOTTIME` of the host.
    pub(crate) fn boottime_ns(&self) -> u64 {
        self.clocks.boottime_ns(self.now_ns)
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.trace {
            let ms = self.now_ns / MS;
            self.told.push(format!("{:>4}.{:03}  {}", ms / 1_000, ms % 1_000, what()));
        }
    }

    /// Takes something that happened into the hash of the whole.
    pub(crate) fn note(&mut self, what: u64) {
        for word in [self.now_ns, what] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
    }

    fn live(&mut self, events: &mut usize) -> Option<Broken> {
        let end_ns = self.truth.length_ns + SLACK_NS;
        while !self.at_rest()
            && let Some((at_ns, happening)) = self.queue.pop()
        {
            if at_ns > end_ns {
                break;
            }
            if let Some(broken) = self.one(events, at_ns, happening) {
                return Some(broken);
            }
        }
        None
    }

    /// True once the run is over, and nobody has anything to do.
    fn at_rest(&self) -> bool {
        let gone = self.engine.is_none() && self.restorers.is_empty();
        let quiet = self.host.effects.is_empty() && self.truth.open.is_empty();
        gone && quiet && self.truth.rogue.is_none()
    }

    fn one(&mut self, events: &mut usize, at_ns: u64, happening: Happening) -> Option<Broken> {
        *events += 1;
        if *events > EVENTS_MAX {
            return Some(Broken { law: "no circles", seen: format!("{events} events") });
        }
        self.now_ns = self.now_ns.max(at_ns);
        let was_over = self.truth.exit.is_some();
        if self.agent.as_ref().is_some_and(|side| side.hung_until_ns > 0) {
            let until_ns = self.agent.as_ref().map_or(0, |side| side.hung_until_ns);
            self.truth.hung_ns = self.now_ns.min(until_ns);
        }
        if self.truth.nobody {
            // Until now there was nobody.
            self.truth.nobody_until_ns = self.now_ns;
        }
        self.happen(happening);
        self.truth.nobody = self.nobody();
        if let Some(broken) = self.truth.broken.take() {
            return Some(broken);
        }
        if self.truth.exit.is_some()
            && !was_over
            && let Err(broken) = laws::check_verdict(self)
        {
            return Some(broken);
        }
        laws::check(self).err()
    }

    /// Whoever is left has had its time; a person makes whole what is broken, and starts an agent
    /// where none runs.
    fn end(&mut self, events: &mut usize) -> Option<Broken> {
        self.no_agent = false;
        self.until = Until::default();
        self.host.stubborn = 0;
        self.set_disk();
        self.network = Network::default();
        if self.agent.is_some() && !self.truth.open.is_empty() {
            self.agent_dies("a person starts it anew");
        }
        if self.agent.is_none() {
            self.queue.at(self.now_ns, Happening::AgentStarts { since_ns: self.now_ns });
        }
        let end_ns = self.now_ns + AFTER_NS;
        while let Some((at_ns, happening)) = self.queue.pop() {
            if at_ns > end_ns || (self.agent.is_some() && self.at_rest()) {
                break;
            }
            if let Some(broken) = self.one(events, at_ns, happening) {
                return Some(broken);
            }
        }
        laws::check_end(self).err()
    }

    /// True while nobody can undo anything.
    fn nobody(&self) -> bool {
        let agent = self.agent.as_ref().is_some_and(|side| side.hung_until_ns <= self.now_ns);
        let watchdog = self.watchdogs.values().any(|w| w.hung_until_ns <= self.now_ns);
        !agent && !watchdog && !self.restorers.values().any(Restorer::acts)
    }
}
