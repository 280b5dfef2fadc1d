//! The experiment file as types; how text becomes them is `read`'s knowledge.

use crate::diagnostic::Diagnostic;
use crate::spanned::{Spanned, SpannedMap};
use crate::units::{Duration, Expect, Rate};
use crate::window::Window;

/// The only version of the files this build reads.
pub const API_VERSION: &str = "squall.dev/v1";

/// A whole experiment file.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// `squall.dev/v1`.
    pub api_version: Spanned<String>,
    /// `Experiment`.
    pub kind: Spanned<String>,
    /// Name and labels.
    pub metadata: Metadata,
    /// What to do and what to expect.
    pub spec: Spec,
}

/// Names the experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Lower-case words joined by dashes, as Kubernetes wants them.
    pub name: Spanned<String>,
    /// Free labels.
    pub labels: SpannedMap,
}

/// The body of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The sentence to prove or refute.
    pub hypothesis: Spanned<String>,
    /// Where the numbers come from; at least one.
    pub signals: Vec<Spanned<SignalSpec>>,
    /// What normal means; at least one.
    pub steady_state: Vec<SliSpec>,
    /// How long normal must hold before anything is touched.
    pub baseline: Spanned<Duration>,
    /// When to stop early.
    pub abort: Abort,
    /// The faults, in order; at least one.
    pub method: Vec<Step>,
    /// Set where the faults are switched on and off at random instead of one after the other.
    pub toggle: Option<Toggle>,
    /// How soon normal must be back.
    pub recovery: Recovery,
    /// When it may run.
    pub window: Option<Spanned<Window>>,
    /// A bound on what it may touch.
    pub radius: Option<Spanned<Radius>>,
    /// What it may cost.
    pub budget: Option<Spanned<Budget>>,
}

impl Spec {
    /// Returns how long the faults are on, in milliseconds: all holds, or each one's slots where
    /// they are toggled.
    pub fn on_ms(&self) -> u64 {
        match self.toggle {
            None => self.method.iter().map(|step| step.hold.as_millis()).sum(),
            Some(toggle) => self.slot_ms() * toggle.slots_on(self.method.len()),
        }
    }

    /// Returns how long the method takes, in milliseconds, with the slots without any fault.
    pub fn method_ms(&self) -> u64 {
        match self.toggle {
            None => self.on_ms(),
            Some(toggle) => self.slot_ms() * toggle.slots(self.method.len()),
        }
    }

    /// Returns the length of a slot of a toggled method, in milliseconds.
    pub fn slot_ms(&self) -> u64 {
        self.method.first().map_or(0, |step| step.hold.as_millis())
    }

    /// Returns how long a drain may last, in milliseconds; 0 where there is none.
    pub fn drain_ms(&self) -> u64 {
        let sends = self.signals.iter().any(|s| matches!(s.value, SignalSpec::Traffic(_)));
        match self.toggle.map(|toggle| *toggle.drain) {
            Some(Drain::Within(within)) if sends => within.as_millis(),
            Some(Drain::Unwritten) if sends => DRAIN_SLOTS * self.slot_ms(),
            _ => 0,
        }
    }

    /// Returns how long all drains of a run may last together, in milliseconds: as long as the
    /// method, and no longer than all that there may be.
    pub fn drains_ms(&self) -> u64 {
        let slots = self.toggle.map_or(0, |toggle| toggle.slots(self.method.len()));
        self.drain_ms().saturating_mul(slots / 2).min(self.method_ms())
    }

    /// Tells whether anomalous samples in a row end the run while a fault is on. A toggled method
    /// goes on, since the hurt is what it measures, unless the file writes a rule.
    pub fn strikes_end(&self) -> bool {
        self.toggle.is_none() || self.abort.consecutive.span.is_written()
    }

    /// Returns how many anomalous samples in a row end the run; in a toggled one by default as
    /// many as a slot has, none of them with a fault.
    pub fn consecutive(&self) -> u32 {
        let written = *self.abort.consecutive;
        if self.strikes_end() {
            return written;
        }
        let samples = self.slot_ms() / self.abort.every.as_millis().max(1);
        u32::try_from(samples).unwrap_or(u32::MAX).max(written)
    }
}

/// A source of numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalSpec {
    /// The embedded scraper reads a metrics page.
    Scrape {
        /// The page.
        url: Spanned<String>,
    },
    /// A real Prometheus answers queries.
    Prometheus {
        /// Its base address.
        url: Spanned<String>,
    },
    /// The open-loop generator sends requests and counts what comes back.
    Traffic(Box<Traffic>),
}

impl SignalSpec {
    /// Returns the address it talks to.
    pub const fn url(&self) -> &Spanned<String> {
        match self {
            Self::Scrape { url } | Self::Prometheus { url } => url,
            Self::Traffic(traffic) => &traffic.url,
        }
    }
}

/// Requests at a constant arrival rate, whatever the answers do.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Where to.
    pub url: Spanned<String>,
    /// Arrivals.
    pub rate: Spanned<Rate>,
    /// HTTP method; GET unless written.
    pub method: Spanned<String>,
    /// Request body.
    pub body: Option<Spanned<String>>,
    /// Request headers.
    pub headers: SpannedMap,
    /// HTTP version.
    pub protocol: Spanned<HttpVersion>,
    /// When a request counts as `timeout`.
    pub timeout: Spanned<Duration>,
    /// Connections kept open at most.
    pub connections: Spanned<u32>,
    /// Requests under way at most; more are counted as errors, never delayed.
    pub in_flight: Spanned<u32>,
    /// Other rates for a while, one after the other; then `rate` again.
    pub phases: Vec<TrafficPhase>,
}

/// A stretch of another rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficPhase {
    /// Arrivals in this stretch.
    pub rate: Spanned<Rate>,
    /// Its length.
    pub lasts: Spanned<Duration>,
}

/// Which HTTP the generator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1 with kept-alive connections.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// One indicator and its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct SliSpec {
    /// Its name, as the report prints it.
    pub name: Spanned<String>,
    /// `PromQL` that yields one number.
    pub query: Spanned<String>,
    /// The bound.
    pub expect: Spanned<Expect>,
}

/// When to stop early.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Abort {
    /// How many samples in a row must be anomalous.
    pub consecutive: Spanned<u32>,
    /// Time between samples.
    pub every: Spanned<Duration>,
    /// Counts every sample outside the bound, without calibration.
    pub literal: bool,
    /// The chance of stopping although nothing is wrong, at most.
    pub false_alarm: Spanned<f64>,
}

impl Abort {
    /// The rule of a file that writes none.
    pub const DEFAULT: Self = Self {
        consecutive: Spanned::default_value(2),
        every: Spanned::default_value(Duration::from_secs(1)),
        literal: false,
        false_alarm: Spanned::default_value(0.01),
    };
}

/// A randomized schedule of equal slots: each fault is on in half of them. Several faults are on
/// alone twice before that, and rest after every slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Toggle {
    /// Slots of the drawn part in which each fault is on; as many are without it.
    pub repeats: Spanned<u32>,
    /// Whether the run's own traffic may rest where the service does not come back by itself.
    pub drain: Spanned<Drain>,
}

/// How long the run's own traffic may rest, with what follows until the service is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Five slots, where the run has traffic of its own.
    Unwritten,
    /// Not at all.
    Never,
    /// Up to this long.
    Within(Duration),
}

/// How long a drain may last where the file does not say, in slots: a rest as long as a slot, time
/// to come back, and both once more with a rest twice as long.
const DRAIN_SLOTS: u64 = 5;
/// Slots in a row in which each of several faults is first on alone.
const ALONE: u64 = 2;

impl Toggle {
    /// Returns the slots in which each of so many faults is on.
    pub fn slots_on(self, faults: usize) -> u64 {
        u64::from(*self.repeats) + if faults > 1 { ALONE } else { 0 }
    }

    /// Returns all slots of a schedule of so many faults, rests included.
    pub fn slots(self, faults: usize) -> u64 {
        let drawn = 2 * u64::from(*self.repeats);
        if faults > 1 { 2 * (ALONE * faults as u64 + drawn) } else { drawn }
    }
}

/// One fault on one target for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// A name from the catalog.
    pub fault: Spanned<String>,
    /// Whom it acts on.
    pub target: Spanned<TargetSpec>,
    /// Which traffic or calls it acts on.
    pub where_: SpannedMap,
    /// Its parameters.
    pub with: SpannedMap,
    /// How long it stays.
    pub hold: Spanned<Duration>,
    /// How long an agent keeps it without renewal.
    pub lease: Spanned<Duration>,
}

/// What a step says about its fault, for the catalog to check.
#[derive(Debug, Clone, Copy)]
pub struct FaultUse<'s> {
    /// The name.
    pub fault: &'s Spanned<String>,
    /// The `where` block.
    pub where_: &'s SpannedMap,
    /// The `with` block.
    pub with: &'s SpannedMap,
}

/// Checks that need to know more than the language: the catalog of faults, the query language.
pub trait Checks {
    /// Checks one use of a fault.
    fn fault(&self, used: &FaultUse<'_>) -> Vec<Diagnostic>;

    /// Checks one query of the steady state.
    fn query(&self, query: &Spanned<String>) -> Vec<Diagnostic>;
}

/// Whom a fault acts on.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSpec {
    /// How the target is found.
    pub selector: Selector,
    /// How many of those found; one unless the file says more.
    pub instances: Spanned<u32>,
}

/// How a target is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A name from the services file, or a process that answers to it.
    Service(Spanned<String>),
    /// The name of a process, its `comm` or the last part of its path.
    Process(Spanned<String>),
    /// One process.
    Pid(Spanned<u32>),
    /// Whoever listens on a port.
    Port(Spanned<u16>),
    /// A systemd unit.
    Unit(Spanned<String>),
    /// A cgroup below the mount, v2 or v1.
    Cgroup(Spanned<String>),
    /// A container, by the start of its id.
    Container(Spanned<String>),
    /// Instances of the services file that carry all of these labels.
    Labels(SpannedMap),
}

/// How soon normal must be back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// After the restore.
    pub within: Spanned<Duration>,
}

/// A bound on what an experiment may touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Radius {
    /// Instances over all steps, at most.
    pub instances: Option<Spanned<u32>>,
    /// Hosts, at most.
    pub hosts: Option<Spanned<u32>>,
    /// Lets a plan take every instance of a service.
    pub allow_all: Option<Spanned<bool>>,
}

/// What an experiment may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Error budget this experiment may spend.
    pub allowance: Spanned<Duration>,
    /// The period the objective is counted over; 30 days unless written.
    pub over: Spanned<Duration>,
}
