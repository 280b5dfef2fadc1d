//! A small world around the core for its tests: an agent that does as it is told, sources that
//! say what they are told to, and a clock that jumps.

use super::sticky::Sticky;
use super::{Command, Core, Event, Purpose, Script, ScriptStep};
use squall_wire::fingerprint::Fingerprint;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::{Answer, Armed, ArmedLine, Ask, Notice, Refusal, Undone};
use squall_wire::record::{self, Event as Recorded, Indicator, Phase, Reading, Unit};
use squall_wire::target::Target;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) const SECOND_US: u64 = 1_000_000;

pub(super) fn injection(id: &str, pid: u32) -> Injection {
    let target = Target {
        name: format!("payment-{pid}"),
        service: "payment".into(),
        process: ProcessIdentity { pid, start_ticks: 1 },
        netns: 1,
        cgroup: "/".into(),
        listening: Vec::new(),
        probes: Vec::new(),
    };
    Injection {
        id: id.into(),
        run: "7k2f9".into(),
        fault: "http.delay".into(),
        params: BTreeMap::new(),
        filters: BTreeMap::new(),
        target,
        lease_ms: 5_000,
        cap_ms: 120_000,
        seed: 1,
    }
}

pub(super) fn orders() -> Indicator {
    Indicator {
        name: "order success".into(),
        query: "q".into(),
        expect: ">= 99.95%".into(),
        unit: Unit::Share,
        bound: 0.9995,
        at_least: true,
        bad_share: Some(0.0005),
        bad_word: "failed".into(),
    }
}

pub(super) fn script() -> Script {
    Script {
        run: "7k2f9".into(),
        indicators: vec![orders()],
        consecutive: 2,
        strikes_end: true,
        every_us: SECOND_US,
        literal: false,
        false_alarm: 0.01,
        evidence_aborts: false,
        baseline_us: 3 * SECOND_US,
        steps: vec![ScriptStep { injections: vec![injection("i1", 1)], hold_us: 60 * SECOND_US }],
        toggled: Vec::new(),
        drain_us: 0,
        recovery_us: 30 * SECOND_US,
        radius_max: 1,
    }
}

pub(super) fn counted(total: u64, bad: u64) -> Reading {
    Reading {
        value: Some(1.0 - bad as f64 / total as f64),
        total: Some(total),
        bad_least: Some(bad),
        bad_most: Some(bad),
        ..Reading::default()
    }
}

pub(super) fn gap(why: &str) -> Reading {
    Reading { gap: Some(why.into()), ..Reading::default() }
}

pub(super) struct World {
    pub(super) core: Core,
    pub(super) now_us: u64,
    pub(super) armed: BTreeMap<String, String>,
    pub(super) up: bool,
    pub(super) hits: u64,
    /// What the fault delivers of the 80 that its dose is; `None` where it has none.
    pub(super) dose: Option<f64>,
    pub(super) refuses: bool,
    /// Arming fails by half, and the half cannot be undone.
    pub(super) half_stuck: bool,
    pub(super) residue: Vec<String>,
    pub(super) stuck: Vec<String>,
    pub(super) facts: BTreeSet<String>,
    /// Where the facts are.
    pub(super) category: &'static str,
    /// True where another run has a fault on the host, too.
    pub(super) other_run: bool,
    pub(super) reading: fn(Phase, u64) -> Reading,
    /// In its place while the method is under way: by whether a fault is in place.
    pub(super) while_armed: Option<fn(bool, u64) -> Reading>,
    /// Whether the run's own traffic flows.
    pub(super) flows: bool,
    flowed_us: Option<u64>,
    /// How long it flowed when the last drain was over.
    pub(super) flowing_us: u64,
    /// What a fault breaks stays broken until the traffic rests, this many seconds at least; and
    /// others may send on.
    pub(super) sticky: Option<Sticky>,
    /// Why the run ended early, for a person.
    pub(super) why: String,
    pub(super) told: Vec<String>,
    pub(super) exit: Option<u8>,
    pub(super) verdict: Option<record::Verdict>,
    pub(super) reconnects: u32,
    pub(super) silent: BTreeSet<&'static str>,
    /// Events and ticks given so far.
    pub(super) steps: usize,
    events: VecDeque<Event>,
}

impl World {
    pub(super) fn new(script: Script) -> World {
        let (core, first) = Core::begin(script, 0);
        let mut world = World {
            core,
            now_us: 0,
            armed: BTreeMap::new(),
            up: true,
            hits: 7,
            dose: None,
            refuses: false,
            half_stuck: false,
            residue: Vec::new(),
            stuck: Vec::new(),
            facts: BTreeSet::new(),
            category: "stopped processes",
            other_run: false,
            reading: |_, _| counted(500, 0),
            while_armed: None,
            flows: true,
            flowed_us: None,
            flowing_us: 0,
            sticky: None,
            why: String::new(),
            told: Vec::new(),
            exit: None,
            verdict: None,
            reconnects: 0,
            silent: BTreeSet::new(),
            steps: 0,
            events: VecDeque::from([Event::AgentUp]),
        };
        // The first pull is the reference; its answer waits behind the agent's welcome.
        first.into_iter().for_each(|command| world.carry_out(command));
        world
    }

    /// Runs until the core is done, or until `stop` says so before an event or a tick.
    pub(super) fn run_until(&mut self, stop: impl Fn(&World) -> bool) -> &mut World {
        for _ in 0..20_000 {
            if self.exit.is_some() || stop(self) {
                return self;
            }
            match self.events.pop_front() {
                Some(event) => self.give(event),
                None => {
                    let next = self.core.next_wakeup_us().expect("a run waits for something");
                    self.now_us = self.now_us.max(next);
                    self.give(Event::Tick);
                }
            }
        }
        panic!("no end in sight:\n{}", self.told.join("\n"));
    }

    pub(super) fn run(&mut self) -> &mut World {
        self.run_until(|_| false)
    }

    pub(super) fn until_phase(&mut self, phase: Phase) -> &mut World {
        self.run_until(|world| world.core.phase() == phase)
    }

    pub(super) fn give(&mut self, event: Event) {
        self.steps += 1;
        let commands = self.core.step(event, self.now_us);
        commands.into_iter().for_each(|command| self.carry_out(command));
    }

    /// The agent dies or is cut off; what it held is undone by then or never.
    pub(super) fn lose_agent(&mut self) {
        self.up = false;
        self.events.clear();
        self.give(Event::AgentLost { why: "connection reset".into() });
    }

    pub(super) fn agent_back(&mut self) {
        self.up = true;
        self.events.push_back(Event::AgentUp);
    }

    pub(super) fn story(&self) -> String {
        self.told.join(" · ")
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Ask { call, ask } => self.answer(call, *ask),
            Command::Reconnect => self.reconnects += 1,
            Command::Pull { pull, purpose } => {
                let readings = match purpose {
                    Purpose::Reference => Vec::new(),
                    Purpose::Sample => {
                        let phase = self.core.phase();
                        let holding = self.while_armed.filter(|_| phase == Phase::Holding);
                        let (armed, flows, now_us) =
                            (!self.armed.is_empty(), self.flows, self.now_us);
                        vec![match (&mut self.sticky, holding) {
                            (Some(sticky), _) => sticky.reading(armed, flows, now_us),
                            (None, Some(reading)) => reading(armed, pull),
                            (None, None) => (self.reading)(phase, pull),
                        }]
                    }
                };
                self.events.push_back(Event::Pulled { pull, readings });
            }
            Command::Traffic { flows } => {
                self.flows = flows;
                self.flowed_us = flows.then_some(self.now_us);
                self.told.push(format!("traffic {}", if flows { "flows" } else { "rests" }));
            }
            Command::Record(event) => self.tell(*event),
            Command::Finish { exit } => self.exit = Some(exit),
        }
    }

    fn answer(&mut self, call: u64, ask: Ask) {
        let name = match ask {
            Ask::Arm { .. } => "arm",
            Ask::Disarm { .. } => "disarm",
            Ask::Renew { .. } => "renew",
            Ask::Status => "status",
            _ => "other",
        };
        if !self.up || self.silent.contains(name) {
            return;
        }
        let answer = match ask {
            Ask::Arm { .. } if self.half_stuck => refusal("stuck", "failed; still there: half"),
            Ask::Arm { .. } if self.refuses => refusal("busy", "run 8c0d4 holds payment-1"),
            Ask::Arm { injection, .. } => self.arm(&injection),
            Ask::Renew { .. } => Answer::Renewed { remaining_ms: 5_000 },
            Ask::Disarm { .. } => self.disarm(),
            Ask::Bite { .. } => Answer::Bite(self.bite()),
            Ask::Status => self.status(),
            Ask::Fingerprint { .. } => Answer::Fingerprint(Fingerprint {
                facts: self.categories(),
                unread: BTreeMap::new(),
                runs: self.runs(),
            }),
            other => panic!("the core asked {other:?}"),
        };
        self.events.push_back(Event::Reply { call, answer: Box::new(answer) });
    }

    fn runs(&self) -> BTreeSet<String> {
        let own = (!self.armed.is_empty()).then(|| "7k2f9".to_string());
        own.into_iter().chain(self.other_run.then(|| "8c0d4".to_string())).collect()
    }

    fn categories(&self) -> BTreeMap<String, BTreeSet<String>> {
        let of = |category: &str| {
            let facts =
                if category == self.category { self.facts.clone() } else { BTreeSet::new() };
            (category.to_string(), facts)
        };
        BTreeMap::from([of("stopped processes"), of("cgroups")])
    }

    fn arm(&mut self, injection: &Injection) -> Answer {
        let receipt = format!("r-{}-{}", injection.run, injection.id);
        self.armed.insert(injection.id.clone(), receipt.clone());
        Answer::Armed(Armed {
            injection: injection.id.clone(),
            receipt,
            receipt_us: 1_900,
            apply_us: 400,
            mechanism: "test".into(),
        })
    }

    fn disarm(&mut self) -> Answer {
        let outcomes = std::mem::take(&mut self.armed).into_keys().map(|id| self.outcome(&id));
        Answer::Disarmed { outcomes: outcomes.collect::<Vec<_>>() }
    }

    fn bite(&self) -> Bite {
        let (asked, tolerance) = (self.dose.map(|_| 80.0), Some(5.0));
        let detail = "asked 80%, got 52%".to_string();
        Bite { hits: self.hits, seen: 9, asked, delivered: self.dose, tolerance, detail }
    }

    fn outcome(&self, id: &str) -> Undone {
        let bite = Some(self.bite());
        let (run, injection) = ("7k2f9".into(), id.into());
        let advice = (!self.residue.is_empty()).then(|| "kill -CONT 1".into());
        let residue = self.residue.clone();
        let receipt = format!("r-7k2f9-{id}");
        Undone { run, injection, receipt, took_us: 900, bite, residue, advice }
    }

    fn status(&self) -> Answer {
        let line = |injection: &String| ArmedLine {
            run: "7k2f9".into(),
            injection: injection.clone(),
            fault: "http.delay".into(),
            target: "payment-1".into(),
            since_unix_ms: 0,
            remaining_ms: 1,
            by: "run".into(),
        };
        let armed = self.armed.keys().map(line).collect();
        Answer::Status { armed, stuck: self.stuck.clone() }
    }

    /// The notice that an injection ended by itself.
    pub(super) fn ended(&mut self, id: &str, why: &str) -> Event {
        self.armed.remove(id);
        let outcome = self.outcome(id);
        Event::Notice(Box::new(Notice::Ended { why: why.into(), outcome }))
    }

    fn tell(&mut self, event: Recorded) {
        let told = match event {
            Recorded::Phase(phase) => format!("{phase:?}"),
            Recorded::Sample(_)
            | Recorded::Receipt { .. }
            | Recorded::Fingerprint { .. }
            | Recorded::Endings { .. } => return,
            Recorded::Check(check) => {
                format!("{}met", if check.met { "" } else { "not " })
            }
            Recorded::Inject { injection, .. } => format!("inject {injection}"),
            Recorded::Bite { bite, .. } => format!("bite {}", bite.hits),
            Recorded::Strike { count, of, .. } => format!("strike {count}/{of}"),
            Recorded::Abort { cause, text, .. } => {
                self.why = text;
                format!("abort {cause:?}")
            }
            Recorded::Restore { injection, by, residue, .. } if residue.is_empty() => {
                format!("restore {injection} by {by}")
            }
            Recorded::Restore { injection, .. } => format!("STUCK {injection}"),
            Recorded::Compared { equal, of, .. } => format!("compared {equal}/{of}"),
            Recorded::Recover { inside_ms, confirmed_ms, .. } => {
                format!("recover {inside_ms:?} {confirmed_ms:?}")
            }
            Recorded::Warning { code, .. } => {
                let since_us = self.flowed_us.filter(|_| code == "drained");
                self.flowing_us = since_us.map_or(self.flowing_us, |at| self.now_us - at);
                format!("warning {code}")
            }
            Recorded::Verdict(verdict) => {
                let told = format!("{:?} {}", verdict.word, verdict.exit);
                self.verdict = Some(*verdict);
                told
            }
            Recorded::Started(_) => unreachable!("the shell writes the first line"),
        };
        self.told.push(told);
    }
}

fn refusal(code: &str, message: &str) -> Answer {
    Answer::Refused(Refusal { code: code.into(), message: message.into(), help: None })
}
