//! The core's state and its one entry point.

use super::after::After;
use super::agent::{Agent, Pending};
use super::arms::Controls;
use super::drain::Drain;
use super::event::{Command, Event, Purpose};
use super::sampling::Window;
use super::script::{AGENT_WAIT_US, Script};
use super::slot::{Slot, Stage};
use super::toggled::Toggled;
use squall_judge::monitor::Watch;
use squall_judge::recovery::Recovery;
use squall_judge::verdict::Before;
use squall_wire::record::{AbortCause, Event as Recorded, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// Why a run is ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) cause: AbortCause,
    pub(super) text: String,
    /// True where the agent would not arm a fault, and nothing was changed by it.
    pub(super) refused: bool,
}

/// One run. See the module's first lines for the contract.
#[derive(Debug)]
pub struct Core {
    pub(super) script: Script,
    pub(super) now_us: u64,
    pub(super) phase: Phase,
    pub(super) phase_since_us: u64,
    pub(super) agent: Agent,
    pub(super) calls: BTreeMap<u64, Pending>,
    pub(super) next_call: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) step: usize,
    pub(super) window: Option<Window>,
    pub(super) next_pull: u64,
    pub(super) samples: u64,
    pub(super) baseline: Watch,
    pub(super) hold: Watch,
    pub(super) toggled: Option<Toggled>,
    pub(super) drain: Option<Drain>,
    /// How long all drains that are over took.
    pub(super) drained_us: u64,
    /// False while the run's own traffic rests.
    pub(super) flows: bool,
    pub(super) controls: Controls,
    pub(super) recovery: Option<Recovery>,
    pub(super) before: Before,
    pub(super) stop: Option<Stop>,
    /// True once a person asked to end: nothing is waited for but the restore.
    pub(super) hurry: bool,
    pub(super) renew_at_us: Option<u64>,
    pub(super) disarms: u32,
    pub(super) after: After,
    pub(super) out: Vec<Command>,
}

impl Core {
    /// Begins a run. The commands are the first ones to carry out.
    pub fn begin(script: Script, now_us: u64) -> (Core, Vec<Command>) {
        assert!(!script.steps.is_empty(), "a plan has at least one step");
        assert!(!script.indicators.is_empty(), "a plan has at least one indicator");
        let judged = script.judged();
        let slots = script.steps.iter().enumerate().flat_map(|(step, s)| {
            s.injections.iter().map(move |injection| Slot::new(step, injection.clone()))
        });
        let mut core = Core {
            now_us,
            phase: Phase::Baseline,
            phase_since_us: now_us,
            agent: Agent::Awaited { until_us: now_us.saturating_add(AGENT_WAIT_US) },
            calls: BTreeMap::new(),
            next_call: 1,
            slots: slots.collect(),
            step: 0,
            window: None,
            next_pull: 0,
            samples: 0,
            baseline: Watch::new(script.rule(script.baseline_us), &judged),
            hold: Watch::new(script.hold_rule(), &judged),
            toggled: Toggled::of(&script, &judged),
            drain: None,
            drained_us: 0,
            flows: true,
            controls: Controls::of(&script),
            recovery: None,
            before: Before::Unchecked,
            stop: None,
            hurry: false,
            renew_at_us: None,
            disarms: 0,
            after: After::default(),
            out: Vec::new(),
            script,
        };
        core.record(Recorded::Phase(Phase::Baseline));
        core.open_window(core.script.baseline_us);
        core.assert_invariants();
        let first = std::mem::take(&mut core.out);
        (core, first)
    }

    /// Takes one event and says what to do. Time never runs backwards; a smaller `now_us`
    /// counts as no time passed. Late and unknown answers are tolerated.
    pub fn step(&mut self, event: Event, now_us: u64) -> Vec<Command> {
        self.now_us = self.now_us.max(now_us);
        if self.phase == Phase::Done {
            return Vec::new();
        }
        match event {
            Event::AgentUp => self.agent_up(),
            Event::AgentLost { why } => self.agent_lost(&why),
            Event::AgentFailed { why } => self.agent_failed(why),
            Event::Reply { call, answer } => self.reply(call, *answer),
            Event::Notice(notice) => self.notice(*notice),
            Event::Pulled { pull, readings } => self.pulled(pull, readings),
            Event::Stop { by } => self.stopped(&by),
            Event::Warning { code, text } => self.record(Recorded::Warning { code, text }),
            Event::Tick => {}
        }
        self.pass_time();
        self.advance();
        self.assert_invariants();
        std::mem::take(&mut self.out)
    }

    /// When the next `Tick` is due, if at all.
    pub fn next_wakeup_us(&self) -> Option<u64> {
        if self.phase == Phase::Done {
            return None;
        }
        let calls = self.calls.values().map(|pending| pending.deadline_us).min();
        let window = self.window.as_ref().and_then(|w| w.wakeup_us(&self.script));
        [calls, window, self.renew_at_us, self.agent_wakeup_us(), self.after.look_again_us()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The phase the run is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How many injections may have an effect at this moment, as far as the core knows.
    pub fn acting(&self) -> usize {
        self.slots.iter().filter(|slot| slot.stage.may_act()).count()
    }

    /// How many targets may feel a fault at this moment.
    pub fn targets_acting(&self) -> usize {
        let acting = self.slots.iter().filter(|slot| slot.stage.may_act());
        acting.map(|slot| slot.injection.target.process).collect::<BTreeSet<_>>().len()
    }

    /// False once the core has given up on an injection or found a residue.
    pub fn restored(&self) -> bool {
        !self.slots.iter().any(|slot| slot.stage == Stage::Stuck) && !self.after.left_over()
    }

    pub(super) fn record(&mut self, event: Recorded) {
        self.out.push(Command::Record(Box::new(event)));
    }

    pub(super) fn warn(&mut self, code: &str, text: String) {
        self.record(Recorded::Warning { code: code.into(), text });
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_since_us = self.now_us;
        self.window = None;
        self.record(Recorded::Phase(phase));
    }

    pub(super) fn pull(&mut self, purpose: Purpose) -> u64 {
        let pull = self.next_pull;
        self.next_pull += 1;
        self.out.push(Command::Pull { pull, purpose });
        pull
    }

    /// Ends the run early. The first cause counts: what follows from it is not the reason.
    pub(super) fn end_early(&mut self, stop: Stop, decided_us: Option<u64>) {
        if self.stop.is_some() {
            return;
        }
        let Stop { cause, ref text, .. } = stop;
        self.record(Recorded::Abort { cause, text: text.clone(), decided_us });
        self.stop = Some(stop);
    }

    fn stopped(&mut self, by: &str) {
        let at_s = (self.now_us - self.phase_since_us) as f64 / 1e6;
        let hold_s = self.script.steps[self.step].hold_us as f64 / 1e6;
        let text = match self.phase {
            Phase::Baseline => format!("stopped by {by} before any fault"),
            Phase::Injecting => format!("stopped by {by} while the faults were put in place"),
            Phase::Holding => format!("stopped by {by} at {at_s:.2} s of {hold_s} s"),
            Phase::Draining => format!("stopped by {by} between two slots, while it drained"),
            _ => format!("stopped by {by} after the faults"),
        };
        self.end_early(Stop { cause: AbortCause::Stopped, text, refused: false }, None);
        // A person who asks to end does not want to wait for a recovery; the restore is never
        // skipped.
        self.hurry = true;
        self.recovery = None;
        if self.phase == Phase::Recovering {
            self.window = None;
        }
    }

    fn pass_time(&mut self) {
        self.pass_calls();
        self.pass_agent();
        self.pass_renewal();
        self.pass_window();
        self.pass_second_look();
    }

    /// Moves on as far as what is known allows.
    fn advance(&mut self) {
        loop {
            let before = (self.phase, self.step);
            match self.phase {
                Phase::Baseline => self.advance_baseline(),
                Phase::Injecting => self.advance_injecting(),
                Phase::Holding => self.advance_holding(),
                Phase::Draining => self.advance_draining(),
                Phase::Reverting => self.advance_reverting(),
                Phase::Recovering => self.advance_recovering(),
                Phase::Judging => self.judge(),
                Phase::Done => {}
            }
            if before == (self.phase, self.step) {
                return;
            }
        }
    }
}
