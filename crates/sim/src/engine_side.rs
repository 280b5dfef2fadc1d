//! The engine's shell in virtual time: carries out its core's commands and tells it what
//! happened.

use crate::queue::Happening;
use crate::trouble::MS;
use crate::world::World;
use rand::RngExt;
use squall_agent::core as agent;
use squall_engine::core::{Command, Core, Event, Purpose};
use squall_wire::protocol::{Answer, Ask, Call, FromAgent, PROTOCOL_VERSION};
use squall_wire::record::{Event as Recorded, Reading};

/// The id of the greeting.
const GREETING: u64 = 0;
/// Requests between two samples.
const REQUESTS: u64 = 500;

/// A running engine.
pub(crate) struct EngineSide {
    pub(crate) core: Core,
    pub(crate) hung_until_ns: u64,
}

impl World {
    pub(crate) fn engine_event(&mut self, event: Event) {
        let now_ns = self.now_ns;
        let Some(side) = &mut self.engine else { return };
        let commands = side.core.step(event, now_ns / 1_000);
        for command in commands {
            self.engine_command(command);
        }
        self.plan_engine_tick();
    }

    pub(crate) fn engine_hangs(&self) -> Option<u64> {
        let side = self.engine.as_ref()?;
        (side.hung_until_ns > self.now_ns).then_some(side.hung_until_ns)
    }

    pub(crate) fn plan_engine_tick(&mut self) {
        let wake_us = self.engine.as_ref().and_then(|side| side.core.next_wakeup_us());
        if let Some(at_us) = wake_us {
            // A shell wakes up at or after the moment, never before.
            let at_ns = (at_us * 1_000).max(self.now_ns + 1_000);
            if self.engine_tick_ns <= self.now_ns || at_ns < self.engine_tick_ns {
                self.engine_tick_ns = at_ns;
                self.queue.at(at_ns, Happening::EngineTick);
            }
        }
    }

    pub(crate) fn engine_command(&mut self, command: Command) {
        match command {
            Command::Ask { call, ask } => self.send_to_agent(Call { id: call, ask: *ask }),
            Command::Reconnect => {
                if self.connection.is_some() {
                    self.break_connection();
                }
                let at_ns = self.now_ns + MS;
                self.queue.at(at_ns, Happening::Connect);
            }
            Command::Pull { pull, purpose } => {
                let at_ns = self.now_ns + self.rng.random_range(MS / 2..30 * MS);
                self.queue.at(at_ns, Happening::Pulled { pull, purpose });
            }
            Command::Record(event) => self.recorded(&event),
            Command::Finish { exit } => {
                self.tell(format!("engine ends with {exit}"));
                self.exit = Some(exit);
                self.engine = None;
                self.break_connection();
            }
        }
    }

    pub(crate) fn pulled(&mut self, pull: u64, purpose: Purpose) {
        let silent = self.now_ns < self.silent_until_ns;
        let hurt = self.now_ns < self.outage_until_ns
            || (self.fault_hurts && !self.host.effects.is_empty());
        let readings = match purpose {
            Purpose::Reference => Vec::new(),
            Purpose::Sample if silent => {
                self.gaps += 1;
                vec![Reading { gap: Some("silence".into()), ..Reading::default() }]
            }
            Purpose::Sample => {
                let bad = if hurt { REQUESTS / 4 } else { 0 };
                vec![Reading {
                    value: Some(1.0 - bad as f64 / REQUESTS as f64),
                    total: Some(REQUESTS),
                    bad_least: Some(bad),
                    bad_most: Some(bad),
                    ..Reading::default()
                }]
            }
        };
        self.engine_event(Event::Pulled { pull, readings });
    }

    /// The link finds an agent, or starts one, or tries again.
    pub(crate) fn connect(&mut self) {
        if self.engine.is_none() || self.connection.is_some() {
            return;
        }
        if self.agent.is_none() {
            let restoring = self.restoring_until_ns > self.now_ns;
            if self.no_start && !self.told_no_start {
                self.told_no_start = true;
                self.engine_event(Event::AgentFailed { why: "no agent can be started".into() });
            } else if !restoring && !self.no_start {
                let at_ns = self.now_ns + self.rng.random_range(20 * MS..200 * MS);
                self.queue.at(at_ns, Happening::AgentStarts);
            }
            self.queue.at(self.now_ns + 50 * MS, Happening::Connect);
            return;
        }
        self.connections += 1;
        let connection = self.connections;
        self.connection = Some(connection);
        self.greeted = false;
        self.arrives_at_agent_ns = self.now_ns;
        self.arrives_at_engine_ns = self.now_ns;
        self.agent_event(agent::Event::Joined { client: agent::Client(connection) });
        let ask = Ask::Hello { v: PROTOCOL_VERSION, by: "run 7k2f9".into() };
        self.send_to_agent(Call { id: GREETING, ask });
    }

    pub(crate) fn at_engine(&mut self, connection: u64, message: FromAgent) {
        if self.connection != Some(connection) {
            return;
        }
        let event = match message {
            FromAgent::Reply(reply) if reply.id == GREETING => match reply.answer {
                Answer::Welcome { .. } => {
                    self.greeted = true;
                    Event::AgentUp
                }
                _ => return,
            },
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
        self.tell("the connection breaks".into());
        let (a, b) = (self.wire_delay(), self.wire_delay());
        self.queue.at(a, Happening::EngineHearsCut { connection });
        self.queue.at(b, Happening::AgentHearsCut { connection });
    }

    fn send_to_agent(&mut self, call: Call) {
        let Some(connection) = self.connection else { return };
        let at_ns = self.wire_delay();
        self.arrives_at_agent_ns = self.arrives_at_agent_ns.max(at_ns);
        let call = Box::new(call);
        self.queue.at(self.arrives_at_agent_ns, Happening::AtAgent { connection, call });
    }

    fn recorded(&mut self, event: &Recorded) {
        match event {
            Recorded::Sample(_) | Recorded::Fingerprint { .. } => {}
            Recorded::Verdict(verdict) => {
                self.tell(format!("verdict {:?}: {}", verdict.word, verdict.sentence));
                self.verdict = Some((**verdict).clone());
            }
            other => self.tell(format!("{other:?}")),
        }
    }
}
