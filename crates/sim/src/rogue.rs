//! Somebody else on this host: a client that arms more than it may, arms the same twice, renews
//! what is over, and goes away without a word.

use crate::queue::Happening;
use crate::script::injection;
use crate::trouble::MS;
use crate::world::World;
use rand::RngExt;
use squall_agent::core::{Client, Event};
use squall_wire::protocol::{Ask, Call, PROTOCOL_VERSION};

/// The client's id; no engine has that many connections.
const CLIENT: u64 = 1 << 41;
/// Its run.
pub(crate) const RUN: &str = "8c0d4";
/// Calls it makes in all, if it changes its mind at each, and if it only renews.
const STEPS: [u32; 2] = [12, 40];

impl World {
    /// Its next call, and the one after it in a while.
    pub(crate) fn rogue(&mut self, step: u32) {
        if step == 0 && self.truth.rogue.is_some() {
            return;
        }
        let client = *self.truth.rogue.get_or_insert(CLIENT + self.now_ns);
        let renews = client % 2 == 1;
        if step >= STEPS[usize::from(renews)] {
            self.truth.rogue = None;
            return self.queue.at(self.now_ns, Happening::AgentHearsCut { client });
        }
        self.queue
            .at(self.now_ns + self.rng.random_range(MS..400 * MS), Happening::Rogue(step + 1));
        let arm = |number: u32, process: u32| {
            let mut injection = injection(number, "process.pause", 500, 1_200);
            injection.run = RUN.into();
            injection.target.process.pid = process;
            Ask::Arm { injection: Box::new(injection), radius_max: 1 }
        };
        let run = || RUN.to_owned();
        let ask = match step {
            0 => {
                self.agent_event(Event::Joined { client: Client(client) });
                Ask::Hello { v: PROTOCOL_VERSION, by: "run 8c0d4".into() }
            }
            1 => arm(1, 901),
            // One more than it may hold.
            2 => arm(2, 902),
            // Somebody else's target.
            3 => arm(3, crate::script::PID),
            _ if renews => Ask::Renew { run: run() },
            _ => match self.rng.random_range(0..4) {
                0 => Ask::Renew { run: run() },
                1 => Ask::Disarm { run: run(), injection: None },
                2 => arm(1, 901),
                _ => Ask::Bite { run: run(), injection: "i1".into() },
            },
        };
        let call = Box::new(Call { id: u64::from(step), ask });
        self.agent_event(Event::Called { client: Client(client), call });
    }
}
