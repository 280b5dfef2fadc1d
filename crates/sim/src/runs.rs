//! Many runs at once, on all cores: what they add up to, the first law that one of them breaks,
//! and the shortest way to break it again.

use crate::laws::Broken;
use crate::mutant::Mutant;
use crate::world::{Options, Report, simulate};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The name of the threads that simulate. A panic there is a broken law, and is told as one.
const THREAD: &str = "simulation";
/// Threads at once; more are no use on any machine that builds this.
const THREADS_MAX: usize = 64;

/// What many runs add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// Runs.
    pub runs: u64,
    /// Events of all of them.
    pub events: u64,
    /// Time in their worlds.
    pub virtual_ns: u128,
    /// Troubles that came.
    pub troubles: u64,
    /// How often each exit code came; none for engines that were killed.
    pub exits: BTreeMap<Option<u8>, u64>,
    /// All hashes together.
    pub hash: u64,
}

/// A law that a run broke.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What to simulate to see it.
    pub options: Options,
    /// The run.
    pub report: Report,
}

impl Found {
    /// The command that shows it again.
    pub fn command(&self) -> String {
        let Options { seed, without, mutant, .. } = &self.options;
        let without: Vec<String> = without.iter().map(ToString::to_string).collect();
        let without = match without.is_empty() {
            true => String::new(),
            false => format!(" --without {}", without.join(",")),
        };
        let mutant = mutant.map_or(String::new(), |mutant| format!(" --mutant {mutant:?}"));
        format!("cargo xtask sim --seed {seed}{without}{mutant} --trace")
    }

    /// Law, trace and command.
    pub fn text(&self) -> String {
        let broken = self.report.broken.as_ref();
        let law = broken.map_or("no law", |broken| broken.law);
        let trace = self.report.told.join("\n");
        format!("seed {} breaks: {law}\n{trace}\nagain: {}", self.options.seed, self.command())
    }
}

/// How a mutant was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// The mutant.
    pub mutant: Mutant,
    /// The law that it broke first; none where it got away.
    pub broken: Option<Broken>,
    /// Runs until then.
    pub runs: u64,
}

/// Simulates the seeds `first .. first + runs`. Ends early once a law is broken, and gives the
/// lowest seed that was seen to break one.
pub fn many(first: u64, runs: u64, mutant: Option<Mutant>) -> (Sum, Option<Found>) {
    quiet();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let all: Mutex<(Sum, Option<Found>)> = Mutex::default();
    let work = || {
        let mut sum = Sum::default();
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= runs {
                break;
            }
            let options =
                Options { seed: first.wrapping_add(number), mutant, ..Options::default() };
            let report = simulate(&options);
            sum.add(&report);
            if report.broken.is_some() {
                stop.store(true, Ordering::Relaxed);
                let mut all = all.lock().expect("invariant: no thread panics with it");
                if all.1.as_ref().is_none_or(|found| found.options.seed > options.seed) {
                    all.1 = Some(Found { options, report });
                }
            }
        }
        all.lock().expect("invariant: no thread panics with it").0.join(sum);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let thread = std::thread::Builder::new().name(THREAD.into());
            thread.spawn_scoped(scope, work).expect("invariant: the host has a thread to spare");
        }
    });
    all.into_inner().expect("invariant: no thread panics with it")
}

/// Leaves out every trouble that is not needed to break the same law, and writes the rest down.
pub fn shortest(found: &Found) -> Found {
    let law = found.report.broken.as_ref().map(|broken| broken.law);
    let mut options = found.options.clone();
    for number in 0..found.report.troubles {
        if options.without.contains(&number) {
            continue;
        }
        let mut fewer = options.clone();
        fewer.without.push(number);
        if aside(&fewer).broken.as_ref().map(|broken| broken.law) == law {
            options = fewer;
        }
    }
    options.trace = true;
    let report = aside(&options);
    Found { options, report }
}

/// Runs a mutant until a law catches it.
pub fn catch(mutant: Mutant, runs_max: u64) -> Caught {
    let (sum, found) = many(0, runs_max, Some(mutant));
    let broken = found.and_then(|found| found.report.broken);
    Caught { mutant, broken, runs: sum.runs }
}

/// One run on a thread of its own, where a panic is quiet.
fn aside(options: &Options) -> Report {
    quiet();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(THREAD.into());
        let run = thread.spawn_scoped(scope, || simulate(options));
        let run = run.expect("invariant: the host has a thread to spare");
        run.join().expect("invariant: a simulation catches its panics")
    })
}

/// A core that panics in a simulation is reported by the simulation.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(THREAD) {
                usual(panic);
            }
        }));
    });
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.events += report.events as u64;
        self.virtual_ns += u128::from(report.virtual_ns);
        self.troubles += report.troubles as u64;
        *self.exits.entry(report.exit).or_default() += 1;
        self.hash = self.hash.wrapping_add(report.hash);
    }

    fn join(&mut self, other: Sum) {
        self.runs += other.runs;
        self.events += other.events;
        self.virtual_ns += other.virtual_ns;
        self.troubles += other.troubles;
        for (exit, count) in other.exits {
            *self.exits.entry(exit).or_default() += count;
        }
        self.hash = self.hash.wrapping_add(other.hash);
    }

    /// Hours in all worlds together.
    pub fn virtual_hours(&self) -> f64 {
        self.virtual_ns as f64 / 3.6e12
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        let exit = |exit: &Option<u8>| exit.map_or("killed".to_owned(), |exit| exit.to_string());
        let exits: Vec<String> =
            self.exits.iter().map(|(code, count)| format!("{} × {count}", exit(code))).collect();
        format!(
            "{} runs, {} troubles, {} events, {:.1} virtual hours; exit codes {}; hash {:016x}",
            self.runs,
            self.troubles,
            self.events,
            self.virtual_hours(),
            exits.join(", "),
            self.hash
        )
    }
}
