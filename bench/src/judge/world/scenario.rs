//! Owns what a made-up system consists of, before any time has passed.

/// Seconds of one sample.
pub(crate) const TICK_S: f64 = 5.0;

/// The mechanism that a scenario is made to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Errors, delays and loss far from any limit.
    Plain,
    /// Little spare capacity: queues fill.
    Saturation,
    /// Retries that amplify.
    Retries,
    /// Many services share a few nodes.
    Shared,
    /// Backlogs and warm-ups: the service is not well when the fault is over.
    LateRecovery,
    /// Held out: a retry storm that feeds itself after its trigger is gone.
    Metastable,
    /// Held out: one service's load slows a database down for others that do not call it.
    Contention,
}

impl Family {
    /// The families that may be looked at while the estimator is written.
    pub(crate) const DEVELOPMENT: [Family; 5] =
        [Family::Plain, Family::Saturation, Family::Retries, Family::Shared, Family::LateRecovery];
    /// The families that may not.
    pub(crate) const HELD_OUT: [Family; 2] = [Family::Metastable, Family::Contention];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Plain => "plain",
            Family::Saturation => "saturation",
            Family::Retries => "retries",
            Family::Shared => "shared nodes",
            Family::LateRecovery => "late recovery",
            Family::Metastable => "metastable storm",
            Family::Contention => "database contention",
        }
    }
}

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Time of a request in it alone, in seconds.
    pub(crate) base_s: f64,
    /// Requests a tick that it can do.
    pub(crate) capacity: f64,
    /// Ticks of work that its queue holds before it sheds.
    pub(crate) queue: f64,
    /// Share of its requests that fail on a good day.
    pub(crate) error: f64,
    /// True where it calls its callees one after another.
    pub(crate) sequential: bool,
    /// True for a database: its own metrics may be unknown.
    pub(crate) is_database: bool,
    /// The capacity that a full queue costs: connections, garbage, lost caches.
    pub(crate) collapse: f64,
}

/// Calls from one service to another, of a higher index.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Calls a request.
    pub(crate) calls: f64,
    /// Tries after the first.
    pub(crate) retries: i32,
    /// The chance that a failed call fails the request: below 1 there is a fallback.
    pub(crate) propagation: f64,
    /// After which the caller gives up, in seconds.
    pub(crate) timeout_s: f64,
}

/// What a fault or an incident does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// This share of requests fails.
    Error(f64),
    /// Each request takes this many seconds more.
    Delay(f64),
    /// This share of the capacity is gone.
    Cpu(f64),
    /// This share of calls to it is lost.
    Loss(f64),
    /// This share of its instances is dead, and the others come back cold.
    Kill(f64),
    /// Its calls to databases become this many times as many.
    Queries(f64),
    /// Incidents only: this many times the traffic, at all entries.
    Surge(f64),
}

/// A fault (declared) or an incident (not).
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    pub(crate) declared: bool,
    pub(crate) service: usize,
    pub(crate) kind: Kind,
    /// First and last tick, as declared.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Ticks until it begins to act, and over which it fades.
    pub(crate) lag: usize,
    pub(crate) tail: usize,
    /// False for a fault that matched nothing.
    pub(crate) works: bool,
    /// Set where it is toggled: whether it is on, by slot.
    pub(crate) slots: Option<Vec<bool>>,
}

/// A schedule's slots, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) from: usize,
    pub(crate) length: usize,
    pub(crate) count: usize,
}

/// What whoever drives an experiment does that was not drawn with it. Empty where nobody does
/// anything, and then everything flows as if it were not there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Driven {
    /// First and last tick of each slot, where they do not simply follow each other.
    pub(crate) slots: Vec<(usize, usize)>,
    /// First and last ticks in which no traffic enters.
    pub(crate) paused: Vec<(usize, usize)>,
    /// First and last ticks that count for nothing: pauses, and what follows them until the next
    /// slot.
    pub(crate) uncounted: Vec<(usize, usize)>,
    /// Ticks of its day, where the scenario goes on after it.
    pub(crate) day: Option<usize>,
}

impl Driven {
    /// Whether the traffic rests at a tick.
    pub(crate) fn pauses(&self, tick: usize) -> bool {
        self.paused.iter().any(|(from, to)| (*from..=*to).contains(&tick))
    }

    /// Whether a tick counts.
    pub(crate) fn counts(&self, tick: usize) -> bool {
        !self.uncounted.iter().any(|(from, to)| (*from..=*to).contains(&tick))
    }
}

impl Disturbance {
    /// How strongly it acts at a tick, 0 to 1.
    pub(crate) fn level(&self, tick: usize, slots: Option<Slots>, driven: &Driven) -> f64 {
        if !self.works {
            return 0.0;
        }
        let (Some(on), Some(slots)) = (&self.slots, slots) else {
            return self.ramp(tick, self.from, self.to);
        };
        let mut level = 0.0f64;
        for (i, is_on) in on.iter().enumerate() {
            let from = slots.from + i * slots.length;
            let (from, to) =
                driven.slots.get(i).copied().unwrap_or((from, from + slots.length - 1));
            if *is_on {
                level = level.max(self.ramp(tick, from, to));
            }
        }
        level
    }

    fn ramp(&self, tick: usize, from: usize, to: usize) -> f64 {
        let from = from + self.lag;
        if tick < from || from > to {
            0.0
        } else if tick <= to {
            // The first tick is cut in half: nothing begins exactly with a sample.
            if tick == from { 0.5 } else { 1.0 }
        } else if self.tail > 0 && tick - to <= self.tail {
            1.0 - (tick - to) as f64 / (self.tail + 1) as f64
        } else {
            0.0
        }
    }
}

/// What a rule counts as bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bad {
    Failed,
    /// Slower than this, in seconds.
    Slow(f64),
}

/// An SLA rule on an entry service.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) service: usize,
    pub(crate) bad: Bad,
    pub(crate) allowed: f64,
}

/// How well the system is observed.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// True where callers measure their calls.
    pub(crate) edges: bool,
    /// True where databases have metrics of their own.
    pub(crate) databases: bool,
    /// Share of scrapes that are missing.
    pub(crate) missing: f64,
    /// A service that is not scraped for a while: who, from, to.
    pub(crate) dark: Option<(usize, usize, usize)>,
    /// Each service's clock minus the true one, in milliseconds.
    pub(crate) skew_ms: Vec<i64>,
    /// Edges that the service map does not have, by index.
    pub(crate) unmapped: Vec<usize>,
    /// Whether the agent measured its faults' bites; by disturbance.
    pub(crate) bite_known: Vec<bool>,
}

/// A made-up system with what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) family: Family,
    pub(crate) ticks: usize,
    pub(crate) services: Vec<Service>,
    pub(crate) edges: Vec<Edge>,
    /// Entry services with their traffic, in requests a tick.
    pub(crate) entries: Vec<(usize, f64)>,
    pub(crate) disturbances: Vec<Disturbance>,
    pub(crate) slots: Option<Slots>,
    pub(crate) driven: Driven,
    pub(crate) rules: Vec<Rule>,
    pub(crate) sight: Sight,
}

impl Scenario {
    /// A service's name.
    pub(crate) fn name(&self, service: usize) -> String {
        let kind = if self.services[service].is_database { "db" } else { "svc" };
        format!("{kind}-{service:02}")
    }

    /// The declared faults, by index among the disturbances.
    pub(crate) fn declared(&self) -> Vec<usize> {
        (0..self.disturbances.len()).filter(|i| self.disturbances[*i].declared).collect()
    }
}
