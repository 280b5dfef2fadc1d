//! What each event does: it goes to whom it is for, unless that one hangs or is gone.

use crate::mutant::Mutant;
use crate::queue::Happening;
use crate::trouble::{MS, SECOND, Trouble};
use crate::world::World;
use rand::RngExt;
use squall_agent::core as agent;
use squall_engine::core::Event;

impl World {
    pub(crate) fn happen(&mut self, happening: Happening) {
        // A process that hangs does nothing now, and everything afterwards.
        let for_engine = matches!(
            happening,
            Happening::EngineTick
                | Happening::Pulled { .. }
                | Happening::AtEngine { .. }
                | Happening::Connect
                | Happening::WelcomeOver { .. }
                | Happening::EngineHearsCut { .. }
        );
        if let (true, Some(until_ns)) = (for_engine, self.engine_hangs()) {
            return self.queue.at(until_ns, happening);
        }
        match happening {
            Happening::EngineTick => self.engine_event(Event::Tick),
            Happening::Pulled { pull, purpose } => self.pulled(pull, purpose),
            Happening::AtEngine { connection, message } => self.at_engine(connection, *message),
            Happening::Connect => self.connect(),
            Happening::WelcomeOver { connection } => self.welcome_over(connection),
            Happening::EngineHearsCut { connection } => self.engine_hears_cut(connection),
            Happening::AtAgent { client, call } => {
                let client = agent::Client(client);
                self.agent_event(agent::Event::Called { client, call });
            }
            Happening::AgentHearsCut { client } => {
                self.truth.left(client, self.now_ns);
                if !self.is(Mutant::IgnoreClientGone) {
                    self.agent_event(agent::Event::Left { client: agent::Client(client) });
                }
            }
            Happening::AgentTick { life } => self.agent_tick(life),
            Happening::Act { life, command } => self.act(life, *command),
            Happening::Heard { life, event } => {
                if self.agent.as_ref().is_some_and(|side| side.life == life) {
                    self.agent_event(*event);
                }
            }
            Happening::AgentStarts { since_ns } => self.agent_starts(since_ns),
            Happening::WatchdogStarts { life } => self.watchdog_starts(life),
            Happening::WatchdogReady { id } => self.watchdog_ready(id),
            Happening::WatchdogHears { id, line } => self.watchdog_hears(id, &line),
            Happening::WatchdogLooks { id } => self.watchdog_looks(id),
            Happening::WatchdogAlone { id } => self.watchdog_alone(id),
            Happening::Restores { id } => self.restores(id),
            Happening::Trouble(number) => {
                let trouble = self.troubles[number].1;
                self.note(number as u64);
                self.tell(|| format!("TROUBLE {number}: {trouble:?}"));
                self.trouble(trouble);
            }
            Happening::Rogue(step) => self.rogue(step),
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        let now_ns = self.now_ns;
        let until = |long| now_ns + long;
        self.truth.rough_ns = self.truth.rough_ns.max(now_ns);
        match trouble {
            Trouble::KillEngine => {
                self.engine = None;
                self.break_connection();
            }
            Trouble::KillAgent => self.agent_dies("killed"),
            Trouble::KillWatchdog => self.kill_watchdogs(),
            Trouble::KillAgentAndWatchdog => {
                self.kill_watchdogs();
                self.agent_dies("killed");
            }
            Trouble::KillTarget { reused } => self.kill_target(reused),
            Trouble::PowerCut(long) => self.power_cut(until(long)),
            Trouble::Sleep(long) => self.sleep(long),
            Trouble::SetClock(less) => {
                self.clocks.wall_ns = self.clocks.wall_ns.saturating_sub(less);
            }
            Trouble::Cut => self.break_connection(),
            Trouble::Partition(long) => self.network.parted_until_ns = until(long),
            Trouble::BadNetwork(long) => self.network.bad_until_ns = until(long),
            Trouble::SlowNetwork(long) => self.network.slow_until_ns = until(long),
            Trouble::HangAgent(long) => {
                self.agent
                    .iter_mut()
                    .for_each(|side| side.hung_until_ns = side.hung_until_ns.max(until(long)));
            }
            Trouble::HangEngine(long) => {
                self.engine
                    .iter_mut()
                    .for_each(|side| side.hung_until_ns = side.hung_until_ns.max(until(long)));
            }
            Trouble::HangWatchdog(long) => {
                self.watchdogs
                    .values_mut()
                    .for_each(|w| w.hung_until_ns = w.hung_until_ns.max(until(long)));
            }
            Trouble::Signal => self.engine_event(Event::Stop { by: "SIGTERM".into() }),
            Trouble::Undo => self.undo(),
            Trouble::Rogue => self.rogue(0),
            Trouble::Silence(long) => self.until.silent_ns = until(long),
            Trouble::Outage(long) => self.until.outage_ns = until(long),
            Trouble::NoTraffic(long) => self.until.no_traffic_ns = until(long),
            Trouble::DiskFull(long) => self.until.disk_ns[0] = until(long),
            Trouble::DiskLies(long) => self.until.disk_ns[1] = until(long),
            Trouble::DiskSick(long) => self.until.disk_ns[2] = until(long),
            Trouble::DiskSlow(most) => {
                self.until.disk_slow_ns = until(5 * SECOND);
                self.until.step_ns_max = most;
            }
            Trouble::StepsSlow(most) => {
                self.until.steps_slow_ns = until(5 * SECOND);
                self.until.step_ns_max = most;
            }
            Trouble::RevertFails(times) => {
                self.host.stubborn = times;
                self.host.hopeless |= times > 4;
            }
            Trouble::ApplyFails(times) => self.half_applies = times,
            Trouble::NoAgent => self.no_agent = true,
            Trouble::NoWatchdog(long) => {
                self.until.no_watchdog_ns = until(long);
                self.kill_watchdogs();
            }
        }
    }

    /// The disk is as bad as it is to be at this moment.
    pub(crate) fn set_disk(&mut self) {
        let mut disk = self.disk.0.borrow_mut();
        let [full, lies, sick] = self.until.disk_ns.map(|until_ns| self.now_ns < until_ns);
        (disk.full, disk.lies, disk.sick) = (full, lies, sick);
        disk.was_rough |= full || lies || sick;
        if let Some(record) = &self.record {
            record.0.borrow_mut().full = full;
        }
    }

    fn kill_target(&mut self, reused: bool) {
        let pid = crate::script::PID;
        let next_start = reused.then_some(77);
        self.host.target_died(pid, next_start);
        let Some(side) = &self.agent else { return };
        let watched = side.watching.iter().filter(|(_, process)| process.pid == pid);
        let events: Vec<_> = watched.map(|(slot, _)| (side.life, *slot)).collect();
        for (life, slot) in events {
            let at_ns = self.now_ns + self.rng.random_range(0..2 * MS);
            let event = Box::new(agent::Event::TargetGone { slot });
            self.queue.at(at_ns, Happening::Heard { life, event });
        }
    }

    /// The host loses its power, and everybody on it dies.
    fn power_cut(&mut self, back_ns: u64) {
        self.engine = None;
        self.break_connection();
        self.watchdogs.clear();
        self.restorers.clear();
        self.agent_torn();
        self.disk.0.borrow_mut().power_cut();
        self.lock = None;
        let same_starts = self.rng.random_bool(0.7);
        self.host.booted(same_starts);
        self.clocks.boot(back_ns);
        self.truth.booted();
        self.look_at_journal();
        if self.rng.random_bool(0.5) {
            self.queue.at(back_ns + 1, Happening::AgentStarts { since_ns: back_ns });
        }
    }

    fn sleep(&mut self, long_ns: u64) {
        self.clocks.sleep(self.now_ns, long_ns);
        // What waits for a deadline looks at it again at some time within its longest wait.
        let within_ns = squall_agent::watchdog::guard::WAIT_NS_MAX;
        if let Some(side) = &self.agent {
            let boottime_ns = self.boottime_ns();
            let waits = side.core.wait_ns(boottime_ns).is_some_and(|ns| ns <= within_ns);
            let life = side.life;
            if waits && !self.is(Mutant::WaitWithoutLook) {
                let at_ns = self.now_ns + self.rng.random_range(0..within_ns);
                self.queue.at(at_ns, Happening::AgentTick { life });
            }
        }
        for id in self.watchdogs.keys().copied().collect::<Vec<_>>() {
            let at_ns = self.now_ns + self.rng.random_range(0..within_ns);
            self.queue.at(at_ns, Happening::WatchdogLooks { id });
        }
    }
}
