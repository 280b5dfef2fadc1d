//! The engine's shell in virtual time: carries out its core's commands and tells it what
//! happened.

use crate::clock::drifted;
use crate::disk::RecordFile;
use crate::mutant::Mutant;
use crate::network::Way;
use crate::queue::Happening;
use crate::trouble::{MS, SECOND};
use crate::world::World;
use rand::RngExt;
use squall_agent::core as agent;
use squall_engine::core::{Command, Core, Event, Purpose, Script};
use squall_engine::recorder::Recorder;
use squall_wire::protocol::{Answer, Ask, Call, FromAgent, PROTOCOL_VERSION};
use squall_wire::record::{Event as Recorded, Phase, Reading};

/// The id of the greeting.
const GREETING: u64 = 0;
/// Requests between two samples.
const REQUESTS: u64 = 500;
/// How long a welcome may take.
const WELCOME_NS_MAX: u64 = 5 * SECOND;

/// A running engine.
pub(crate) struct EngineSide {
    pub(crate) core: Core,
    pub(crate) hung_until_ns: u64,
    recorder: Option<Recorder<RecordFile>>,
    /// True once the agent said welcome on this connection.
    greeted: bool,
    tick_ns: u64,
}

impl World {
    pub(crate) fn engine_begins(&mut self, script: Script) {
        let (core, first) = Core::begin(script, 0);
        let recorder = self.record.clone().map(|file| Recorder::new(RecordFile(file)));
        let side = EngineSide { core, hung_until_ns: 0, recorder, greeted: false, tick_ns: 0 };
        self.engine = Some(side);
        first.into_iter().for_each(|command| self.engine_command(command));
        self.plan_engine_tick();
    }

    /// The engine's clock, which begins with the run.
    fn engine_us(&self) -> u64 {
        drifted(self.now_ns, self.engine_ppm) / 1_000
    }

    pub(crate) fn engine_event(&mut self, event: Event) {
        let now_us = self.engine_us();
        let Some(side) = &mut self.engine else { return };
        let commands = side.core.step(event, now_us);
        let aborts = commands.iter().any(|command| match command {
            Command::Record(event) => matches!(**event, Recorded::Abort { .. }),
            _ => false,
        });
        for command in commands {
            self.engine_command(command);
        }
        if aborts && self.is(Mutant::AbortWithoutRevert) {
            self.engine_command(Command::Finish { exit: 3 });
        }
        self.plan_engine_tick();
    }

    pub(crate) fn engine_hangs(&self) -> Option<u64> {
        let side = self.engine.as_ref()?;
        (side.hung_until_ns > self.now_ns).then_some(side.hung_until_ns)
    }

    fn plan_engine_tick(&mut self) {
        let (now_ns, now_us, ppm) = (self.now_ns, self.engine_us(), self.engine_ppm);
        let Some(side) = &mut self.engine else { return };
        let Some(at_us) = side.core.next_wakeup_us() else { return };
        // A shell wakes up at or after the moment, never before.
        let wait_ns = drifted(at_us.saturating_sub(now_us) * 1_000, -ppm);
        let at_ns = now_ns + wait_ns + 1_000;
        if side.tick_ns <= now_ns || at_ns < side.tick_ns {
            side.tick_ns = at_ns;
            self.queue.at(at_ns, Happening::EngineTick);
        }
    }

    fn engine_command(&mut self, command: Command) {
        match command {
            Command::Ask { ask, .. }
                if matches!(*ask, Ask::Renew { .. }) && self.is(Mutant::NoRenewals) => {}
            Command::Ask { call, ask } => self.send_to_agent(Call { id: call, ask: *ask }),
            Command::Reconnect => {
                self.break_connection();
                self.queue.at(self.now_ns + MS, Happening::Connect);
            }
            Command::Pull { pull, purpose } => {
                let at_ns = self.now_ns + self.rng.random_range(MS / 2..30 * MS);
                self.queue.at(at_ns, Happening::Pulled { pull, purpose });
            }
            Command::Traffic { flows } => {
                self.note(u64::from(flows));
                self.tell(|| format!("the traffic {}", if flows { "flows" } else { "rests" }));
                self.rests = !flows;
            }
            Command::Record(event) => self.recorded(*event),
            Command::Finish { exit } => {
                let exit = if exit == 5 && self.is(Mutant::ExitZero) { 0 } else { exit };
                self.note(u64::from(exit));
                self.tell(|| format!("the engine ends with {exit}"));
                self.truth.exit = Some(exit);
                self.engine = None;
                self.rests = false;
                self.break_connection();
            }
        }
    }

    pub(crate) fn pulled(&mut self, pull: u64, purpose: Purpose) {
        let Some(side) = &self.engine else { return };
        let holding = side.core.phase() == Phase::Holding;
        let silent = self.now_ns < self.until.silent_ns;
        let acts = self.host.acting(self.boottime_ns()).next().is_some();
        let hurts = self.truth.fault_hurts && acts;
        self.stuck = (self.stuck || (hurts && self.sticks)) && !self.rests;
        let hurt = self.now_ns < self.until.outage_ns || hurts || self.stuck;
        let readings = match purpose {
            Purpose::Reference => Vec::new(),
            Purpose::Sample if silent => {
                // A slot without faults proves nothing of them, and is judged apart.
                self.truth.silent_holds += u32::from(holding && acts);
                let gap = Some("silence".into());
                match self.mutant {
                    Some(Mutant::HeldWithoutData) => vec![counted(0)],
                    _ => vec![Reading { gap, ..Reading::default() }],
                }
            }
            Purpose::Sample if self.rests => {
                let none = Some(0);
                vec![Reading { total: none, bad_least: none, bad_most: none, ..counted(0) }]
            }
            Purpose::Sample => vec![counted(if hurt { REQUESTS / 4 } else { 0 })],
        };
        self.engine_event(Event::Pulled { pull, readings });
    }

    /// The link finds an agent, or starts one, or tries again.
    pub(crate) fn connect(&mut self) {
        if self.engine.is_none() || self.connection.is_some() {
            return;
        }
        let Some(side) = &self.agent else {
            if self.no_agent && !self.told_no_agent {
                self.told_no_agent = true;
                self.engine_event(Event::AgentFailed { why: "no agent can be started".into() });
            } else if !self.no_agent {
                let since_ns = self.now_ns + self.rng.random_range(20 * MS..200 * MS);
                self.queue.at(since_ns, Happening::AgentStarts { since_ns });
            }
            return self.queue.at(self.now_ns + 250 * MS, Happening::Connect);
        };
        let life = side.life;
        self.connections += 1;
        let connection = self.connections;
        self.connection = Some(connection);
        self.network.anew();
        if let Some(side) = &mut self.engine {
            side.greeted = false;
        }
        self.note(life);
        self.agent_event(agent::Event::Joined { client: agent::Client(connection) });
        let ask = Ask::Hello { v: PROTOCOL_VERSION, by: "run 7k2f9".into() };
        self.send_to_agent(Call { id: GREETING, ask });
        self.queue.at(self.now_ns + WELCOME_NS_MAX, Happening::WelcomeOver { connection });
    }

    pub(crate) fn welcome_over(&mut self, connection: u64) {
        let greeted = self.engine.as_ref().is_none_or(|side| side.greeted);
        if self.connection == Some(connection) && !greeted {
            self.break_connection();
            self.queue.at(self.now_ns + MS, Happening::Connect);
        }
    }

    pub(crate) fn engine_hears_cut(&mut self, connection: u64) {
        if self.connections != connection || self.connection.is_some() {
            return;
        }
        // The link tries again by itself until it was greeted.
        if self.engine.as_ref().is_some_and(|side| side.greeted) {
            self.engine_event(Event::AgentLost { why: "connection reset".into() });
        } else {
            self.queue.at(self.now_ns + MS, Happening::Connect);
        }
    }

    pub(crate) fn at_engine(&mut self, connection: u64, message: FromAgent) {
        if self.connection != Some(connection) {
            return;
        }
        let Some(side) = &mut self.engine else { return };
        let event = match message {
            FromAgent::Reply(reply) if reply.id == GREETING => match reply.answer {
                Answer::Welcome { .. } if !side.greeted => {
                    side.greeted = true;
                    Event::AgentUp
                }
                _ => return,
            },
            // Nothing is carried before the greeting.
            _ if !side.greeted => return,
            FromAgent::Reply(reply) => {
                Event::Reply { call: reply.id, answer: Box::new(reply.answer) }
            }
            FromAgent::Notice(notice) => Event::Notice(Box::new(notice)),
        };
        self.engine_event(event);
    }

    /// The connection ends for both sides, each of which hears of it in its own time.
    pub(crate) fn break_connection(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.truth.rough_ns = self.now_ns;
        self.tell(|| "the connection breaks".into());
        let engine_ns = self.network.hears_ns(self.now_ns, &mut self.rng);
        let agent_ns = self.network.hears_ns(self.now_ns, &mut self.rng);
        self.queue.at(engine_ns, Happening::EngineHearsCut { connection });
        self.queue.at(agent_ns, Happening::AgentHearsCut { client: connection });
    }

    fn send_to_agent(&mut self, call: Call) {
        let Some(client) = self.connection else { return };
        for at_ns in self.network.send(Way::ToAgent, self.now_ns, &mut self.rng) {
            let call = Box::new(call.clone());
            self.queue.at(at_ns, Happening::AtAgent { client, call });
        }
    }

    fn recorded(&mut self, event: Recorded) {
        match &event {
            Recorded::Sample(_) | Recorded::Fingerprint { .. } => {}
            Recorded::Verdict(verdict) => {
                self.tell(|| format!("verdict {:?}: {}", verdict.word, verdict.sentence));
                self.truth.verdict = Some((**verdict).clone());
            }
            Recorded::Restore { injection, residue, .. } => {
                self.truth.recorded_restore(&self.host, injection, residue);
                self.tell(|| format!("{event:?}"));
            }
            Recorded::Abort { .. } => {
                self.truth.aborted_ns.get_or_insert(self.now_ns);
                self.tell(|| format!("{event:?}"));
            }
            other => self.tell(|| format!("{other:?}")),
        }
        self.set_disk();
        let unix_ms = i64::try_from(self.clocks.wall_ns(self.now_ns) / MS).unwrap_or(i64::MAX);
        if let Some(recorder) = self.engine.as_mut().and_then(|side| side.recorder.as_mut()) {
            recorder.append(event, unix_ms);
        }
    }
}

/// A sample with so many bad events.
fn counted(bad: u64) -> Reading {
    Reading {
        value: Some(1.0 - bad as f64 / REQUESTS as f64),
        total: Some(REQUESTS),
        bad_least: Some(bad),
        bad_most: Some(bad),
        ..Reading::default()
    }
}
