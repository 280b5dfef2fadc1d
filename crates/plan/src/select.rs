//! Selectors to processes: who answers to a target, before anybody is chosen.

use crate::inputs::Inputs;
use squall_spec::{
    Code, Diagnostic, Instance, Selector, Services, Span, Spanned, SpannedMap, TargetSpec, closest,
};
use squall_wire::target::Process;
use std::collections::{BTreeMap, BTreeSet};

/// Nobody answers.
const NOBODY: Code = Code::error("P202");
/// A name that stands for one instance fits several processes.
const AMBIGUOUS: Code = Code::error("P203");
/// Two names stand for one process.
const ONE_PROCESS: Code = Code::error("P206");
/// An instance of the services file does not run.
const NOT_RUNNING: Code = Code::warning("P304");

/// Fewer characters of a container id could mean any of them.
const CONTAINER_ID_MIN: usize = 4;
/// What the kernel keeps of a process name.
const COMM_MAX: usize = 15;

/// A process that answers to a name.
#[derive(Debug, Clone)]
pub(crate) struct Found<'i> {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) process: &'i Process,
}

/// All who answer to a target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidates<'i> {
    pub(crate) found: Vec<Found<'i>>,
    /// Running instances of each service, where the target or the services file names one.
    pub(crate) totals: BTreeMap<String, usize>,
}

/// The instances of the services file that run.
#[derive(Debug, Default)]
pub(crate) struct Known<'i> {
    found: Vec<(Found<'i>, &'i SpannedMap)>,
    /// What is wrong with an instance, by its service. It names the instance; its place is where
    /// the experiment names the service.
    problems: Vec<(&'i str, Diagnostic)>,
}

impl<'i> Known<'i> {
    /// Finds every instance of the services file.
    pub(crate) fn of(inputs: &Inputs<'i>) -> Self {
        let Some(services) = inputs.services else {
            return Self::default();
        };
        let mut known = Self::default();
        for (service, instances) in &services.services {
            for instance in instances {
                known.add(inputs, service, instance);
            }
        }
        known
    }

    fn add(&mut self, inputs: &Inputs<'i>, service: &'i Spanned<String>, instance: &'i Instance) {
        let name = &instance.name.value;
        let mut problem = |diagnostic| self.problems.push((service.as_str(), diagnostic));
        let place = Span::NONE;
        let matching = matching(inputs, &instance.selector);
        let process = match matching.as_slice() {
            [process] => *process,
            [] => {
                let message = format!("{name} of the services file does not run");
                problem(Diagnostic::new(NOT_RUNNING, place, message));
                return;
            }
            several => {
                let pids: Vec<_> = several.iter().map(|p| p.process.pid.to_string()).collect();
                let message = format!("{name} fits {} processes", several.len());
                let help = format!("give each a line of its own; pids {}", pids.join(", "));
                problem(Diagnostic::new(AMBIGUOUS, place, message).help(help));
                return;
            }
        };
        let same = |(found, _): &&(Found<'_>, _)| found.process.process == process.process;
        if let Some((other, _)) = self.found.iter().find(same) {
            let message = format!("{} and {name} are one process", other.name);
            let help = format!("both lines find pid {}", process.process.pid);
            problem(Diagnostic::new(ONE_PROCESS, place, message).help(help));
            return;
        }
        let found = Found { name: name.clone(), service: service.value.clone(), process };
        self.found.push((found, &instance.labels));
    }

    /// Returns what is wrong with the instances of some services, at the fields of the experiment
    /// that name them; the others do not matter here.
    pub(crate) fn problems(&self, services: &BTreeMap<String, Span>) -> Vec<Diagnostic> {
        let at = |(service, diagnostic): &(&str, Diagnostic)| {
            let span = *services.get(*service)?;
            Some(Diagnostic { span, ..diagnostic.clone() })
        };
        self.problems.iter().filter_map(at).collect()
    }

    /// Returns the service a process is an instance of.
    pub(crate) fn service_of(&self, process: &Process) -> Option<&str> {
        let same = |(found, _): &&(Found<'_>, _)| found.process.process == process.process;
        self.found.iter().find(same).map(|(found, _)| found.service.as_str())
    }

    fn totals(&self, found: &[Found<'_>]) -> BTreeMap<String, usize> {
        let services: BTreeSet<_> = found.iter().map(|found| &found.service).collect();
        let count = |service: &String| {
            self.found.iter().filter(|(found, _)| found.service == *service).count()
        };
        services
            .into_iter()
            .map(|service| (service.clone(), count(service)))
            .filter(|&(_, count)| count > 0)
            .collect()
    }
}

/// Finds all who answer to a target.
pub(crate) fn candidates<'i>(
    inputs: &Inputs<'i>,
    known: &Known<'i>,
    target: &Spanned<TargetSpec>,
) -> Result<Candidates<'i>, Box<Diagnostic>> {
    let mut candidates = match &target.selector {
        Selector::Service(service) => of_service(inputs, known, service),
        Selector::Labels(wanted) => of_known(known, |_, labels| {
            let same = |e: &squall_spec::Entry| labels.get(&e.key) == Some(&e.value);
            !wanted.is_empty() && wanted.entries.iter().all(same)
        }),
        Selector::Process(name) => by_name(inputs, name),
        explicit => by_place(inputs, known, explicit),
    };
    if candidates.found.is_empty() {
        return Err(Box::new(nobody(inputs, &target.selector, target.span)));
    }
    candidates.found.sort_by_key(|found| natural(&found.name));
    Ok(candidates)
}

/// Finds every instance of a service that somebody names.
pub(crate) fn instances_of<'i>(
    inputs: &Inputs<'i>,
    known: &Known<'i>,
    service: &Spanned<String>,
) -> Result<Vec<Found<'i>>, Box<Diagnostic>> {
    let found = of_service(inputs, known, service).found;
    if found.is_empty() {
        let selector = Selector::Service(service.clone());
        return Err(Box::new(nobody(inputs, &selector, service.span)));
    }
    Ok(found)
}

fn of_service<'i>(
    inputs: &Inputs<'i>,
    known: &Known<'i>,
    service: &Spanned<String>,
) -> Candidates<'i> {
    match inputs.services.and_then(|services| services.get(service)) {
        Some(_) => of_known(known, |found, _| found.service == service.value),
        None => by_name(inputs, service),
    }
}

fn of_known<'i>(
    known: &Known<'i>,
    wanted: impl Fn(&Found<'i>, &SpannedMap) -> bool,
) -> Candidates<'i> {
    let wanted = known.found.iter().filter(|(found, labels)| wanted(found, labels));
    let found: Vec<_> = wanted.map(|(found, _)| found.clone()).collect();
    let totals = known.totals(&found);
    Candidates { found, totals }
}

/// A name nobody wrote down: all processes that are called so are the service's instances.
fn by_name<'i>(inputs: &Inputs<'i>, name: &Spanned<String>) -> Candidates<'i> {
    let found = named(&name.value, matching(inputs, &Selector::Process(name.clone())));
    let totals = BTreeMap::from([(name.value.clone(), found.len())]);
    Candidates { found, totals }
}

/// A place names processes, not a service; the services file may know better.
fn by_place<'i>(inputs: &Inputs<'i>, known: &Known<'i>, selector: &Selector) -> Candidates<'i> {
    let mut found = Vec::new();
    for process in matching(inputs, selector) {
        let same = |(found, _): &&(Found<'_>, _)| found.process.process == process.process;
        match known.found.iter().find(same) {
            Some((known, _)) => found.push(known.clone()),
            None => {
                let service = called(process).to_owned();
                let name = format!("{service}-{}", process.process.pid);
                found.push(Found { name, service, process });
            }
        }
    }
    let totals = known.totals(&found);
    Candidates { found, totals }
}

fn named<'i>(service: &str, processes: Vec<&'i Process>) -> Vec<Found<'i>> {
    let alone = processes.len() == 1;
    let name = |index: usize| match alone {
        true => service.to_owned(),
        false => format!("{service}-{}", index + 1),
    };
    let found =
        |(index, process)| Found { name: name(index), service: service.to_owned(), process };
    processes.into_iter().enumerate().map(found).collect()
}

/// Returns what a person calls a process.
fn called(process: &Process) -> &str {
    if process.executable.is_empty() { &process.name } else { &process.executable }
}

/// Returns the processes a selector finds, oldest first. Of a parent and its children only the
/// parent: a service with workers is one instance.
fn matching<'i>(inputs: &Inputs<'i>, selector: &Selector) -> Vec<&'i Process> {
    let processes = &inputs.inventory.processes;
    let mut all: Vec<_> = processes.iter().filter(|process| fits(selector, process)).collect();
    // A manager that opens sockets for its services holds them too, and is none of them.
    if all.iter().any(|process| process.process.pid > 1) {
        all.retain(|process| process.process.pid > 1);
    }
    let pids: BTreeSet<_> = all.iter().map(|process| process.process.pid).collect();
    let eldest = |process: &&&Process| !pids.contains(&process.parent);
    let mut eldest: Vec<_> = all.iter().filter(eldest).copied().collect();
    eldest.sort_by_key(|process| (process.process.start_ticks, process.process.pid));
    eldest.dedup_by_key(|process| process.process);
    eldest
}

fn fits(selector: &Selector, process: &Process) -> bool {
    match selector {
        Selector::Process(name) => {
            let cut = name.get(..COMM_MAX).unwrap_or(name);
            process.executable == name.value || process.name == cut
        }
        Selector::Pid(pid) => process.process.pid == pid.value,
        Selector::Port(port) => process.listening.iter().any(|at| at.port() == port.value),
        Selector::Unit(unit) => process.unit.as_ref().is_some_and(|found| {
            found == &unit.value || found.strip_suffix(".service") == Some(&unit.value)
        }),
        Selector::Cgroup(path) => in_cgroup(&process.cgroup, path),
        Selector::Container(id) => {
            let found = process.container.as_deref();
            id.len() >= CONTAINER_ID_MIN && found.is_some_and(|found| found.starts_with(&id.value))
        }
        Selector::Service(_) | Selector::Labels(_) => false,
    }
}

/// Tells whether a cgroup is a path or below it. The root holds the whole machine, so it names
/// only what is in no group at all.
fn in_cgroup(found: &str, path: &str) -> bool {
    let path = path.strip_prefix("/sys/fs/cgroup").unwrap_or(path).trim_matches('/');
    let found = found.trim_matches('/');
    let below = || found.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    found == path || (!path.is_empty() && below())
}

fn nobody(inputs: &Inputs<'_>, selector: &Selector, place: Span) -> Diagnostic {
    let (what, value) = described(selector);
    let span = value.as_ref().map_or(place, |value| value.span);
    let message = match &value {
        Some(value) => format!("no {what} {} runs here", value.value),
        None => format!("nothing runs here with these {what}"),
    };
    let diagnostic = Diagnostic::new(NOBODY, span, message);
    let Some(value) = value.filter(|_| matches!(what, "service" | "process")) else {
        return diagnostic.help("squall plan looks at this host only");
    };
    if what == "service" && inputs.services.is_some_and(|s| s.get(&value).is_some()) {
        return diagnostic
            .label("the services file knows it")
            .help("none of its instances runs: start one, or correct the services file");
    }
    let names = names(inputs);
    match closest(&value, names.iter().map(String::as_str)) {
        Some(near) => diagnostic.label(format!("did you mean \"{near}\"?")),
        None => diagnostic.help("a services file gives names to what runs: squall.services.yaml"),
    }
}

fn names(inputs: &Inputs<'_>) -> BTreeSet<String> {
    let in_file = |services: &Services| {
        services.services.iter().map(|(name, _)| name.value.clone()).collect::<Vec<_>>()
    };
    let processes = inputs.inventory.processes.iter().filter(|p| !p.executable.is_empty());
    processes
        .map(|process| called(process).to_owned())
        .chain(inputs.services.map(in_file).unwrap_or_default())
        .collect()
}

/// Returns the kind of a selector and its value as text.
pub(crate) fn described(selector: &Selector) -> (&'static str, Option<Spanned<String>>) {
    let text = |value: &Spanned<String>| Some(value.clone());
    match selector {
        Selector::Service(value) => ("service", text(value)),
        Selector::Process(value) => ("process", text(value)),
        Selector::Pid(pid) => ("pid", Some(Spanned::new(pid.value.to_string(), pid.span))),
        Selector::Port(port) => ("port", Some(Spanned::new(port.value.to_string(), port.span))),
        Selector::Unit(value) => ("unit", text(value)),
        Selector::Cgroup(value) => ("cgroup", text(value)),
        Selector::Container(value) => ("container", text(value)),
        Selector::Labels(_) => ("labels", None),
    }
}

/// Orders `payment-2` before `payment-10`.
fn natural(name: &str) -> (String, u64) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (head, tail) = name.split_at(name.len() - digits);
    (head.to_owned(), tail.parse().unwrap_or(u64::MAX))
}
