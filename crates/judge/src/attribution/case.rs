//! Owns what attribution is given: episodes of a broken rule, the declared injections, the
//! service map, each service's own series, and the schedule where faults were toggled.
//!
//! All times are milliseconds on one clock, whichever it is. All series are sampled values: a
//! counter comes as its growth since the sample before, never as `rate()`.

use super::map::ServiceMap;
use crate::verdict::Bitten;

/// One sample of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The end of the interval it stands for.
    pub at_ms: i64,
    /// Its value; none where the scrape is missing. NaN counts as missing.
    pub value: Option<f64>,
}

impl Point {
    /// Returns a sample with a value.
    pub fn new(at_ms: i64, value: f64) -> Point {
        Point { at_ms, value: Some(value) }
    }

    /// Returns the value, if it is a number.
    pub fn number(&self) -> Option<f64> {
        self.value.filter(|v| v.is_finite())
    }
}

/// What a series or a rule measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Requests a sample.
    Requests,
    /// Failed requests a sample.
    Errors,
    /// Mean time of a request, in seconds; for a rule: requests that were too slow.
    Latency,
    /// Use of a resource (CPU, memory, network, disk), in any unit.
    Resource,
    /// Anything else.
    Other,
}

/// A time in which a rule was broken without a longer pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The rule's name.
    pub rule: String,
    /// The service whose SLI the rule is about; empty where unknown.
    pub service: String,
    /// What the rule measures.
    pub measure: Measure,
    /// The first sample outside.
    pub from_ms: i64,
    /// The last sample outside.
    pub to_ms: i64,
    /// The rule's excess a sample, over the whole time observed and not only the episode: bad
    /// events above what is allowed, or for a rule without events how far the value is beyond
    /// its bound. Negative values, where the rule has room, are welcome: they show the noise.
    pub excess: Vec<Point>,
}

/// How much of a fault was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dose {
    /// This share of requests or calls fails or is lost, 0 to 1.
    Requests(f64),
    /// This share of the target's capacity or instances is taken, 0 to 1.
    Capacity(f64),
    /// Each request takes this many seconds more.
    Seconds(f64),
}

/// One declared use of a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// Its id, unique in a case.
    pub id: String,
    /// The fault, for people: `http.delay`.
    pub fault: String,
    /// The services its targets belong to.
    pub services: Vec<String>,
    /// The instances it acted on; empty where unknown, which reads as all.
    pub instances: Vec<String>,
    /// When it was applied.
    pub from_ms: i64,
    /// When it was undone.
    pub to_ms: i64,
    /// Whether the fault itself was seen to act on its target.
    pub bitten: Bitten,
    /// What it disturbs first, where that is known from the catalog: latency for a delay.
    pub disturbs: Option<Measure>,
    /// How much of it was asked for, where that is known.
    pub dose: Option<Dose>,
}

/// One series of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its name, for people.
    pub name: String,
    /// What it measures.
    pub measure: Measure,
    /// Set where it is measured by the service as a client: the service it calls.
    pub callee: Option<String>,
    /// The instance it is of, where the series is of one instance alone.
    pub instance: Option<String>,
    /// Its samples, in time order, from well before the first injection.
    pub points: Vec<Point>,
}

/// One service and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, as in the map.
    pub name: String,
    /// Its series.
    pub signals: Vec<Signal>,
}

/// The randomized on/off schedule of an experiment with `method: {toggle: …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Toggling {
    /// The slots of the schedule, in time order: start and end.
    pub slots: Vec<(i64, i64)>,
    /// The injections that were toggled, by id, and whether each was on in each slot.
    pub on: Vec<(String, Vec<bool>)>,
    /// Slots in a row among which the order was drawn; in each block every fault is on in half
    /// of the slots. 2 means pairs.
    pub block: usize,
    /// Set where the run ended because a rule was broken again without any fault, once the traffic
    /// was back that had been paused until nothing could be left of one: the time in which it was.
    pub persists: Option<(i64, i64)>,
}

/// Everything known of one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Case {
    /// Time between samples, in milliseconds.
    pub every_ms: i64,
    /// The episodes to explain.
    pub episodes: Vec<Episode>,
    /// The declared injections.
    pub injections: Vec<Injection>,
    /// Who calls whom; none where unknown.
    pub map: Option<ServiceMap>,
    /// The services' own series; a service may be absent.
    pub services: Vec<Service>,
    /// The schedule, where faults were toggled.
    pub toggling: Option<Toggling>,
}

impl Case {
    /// Returns a service's series.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name == name)
    }
}
