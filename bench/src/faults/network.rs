//! Sockets and packets: what was asked next to what arrived, and how soon. The field's other tools
//! need netem, which this kernel may lack; where it lacks it there is no peer to measure.

mod host;

use crate::figure::Table;
use crate::rig::{Rig, bite, injection};
use host::{Ear, Host};
use rustix::process::{Pid, Signal, kill_process};
use squall_agent::client::Client;
use squall_real::until::until;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Armed, Ask};
use squall_wire::target::Target;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

pub(crate) use host::play;

const PORT: u16 = 18_030;
const PACKETS: u64 = 10_000;
const LATE: u64 = 5_000;
const CONNECTIONS: usize = 2_000;
const TARGETS: usize = 100;
const PER_RUN: usize = 25;
const ROUNDS: usize = 4;
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    shares(table, &mut agent);
    delays(table, &mut agent);
    rates(table, &mut agent);
    hook(table, &mut agent);
    resets(table, &mut agent);
    many(table, &rig);
    drop(rig);
    gone(table);
}

/// A fault, its `part` if it has one, and what counts as a hit.
type Share = (&'static str, &'static str, fn(&host::Heard) -> u64);

/// 10,000 packets, a share of which is hurt.
fn shares(table: &mut Table, agent: &mut Client) {
    let mut host = Host::start("shares");
    let ear = Ear::listen("127.0.0.1:18031");
    let faults: [Share; 4] = [
        ("net.loss", "", |heard| PACKETS - heard.distinct),
        ("net.duplicate", "", |heard| heard.received - heard.distinct),
        ("net.corrupt", "payload", |heard| heard.damaged),
        ("net.corrupt", "header", |heard| PACKETS - heard.received),
    ];
    for (fault, part, hits) in faults {
        for share in [1u32, 10, 30] {
            let text = format!("{share}%");
            let mut with = vec![("share", text.as_str())];
            if !part.is_empty() {
                with.push(("part", part));
            }
            let (mut got, mut said) = (Vec::new(), Vec::new());
            for round in 0..3u64 {
                let id = format!("{fault}{part}{share}-{round}");
                // Another seed each time: the same one would hurt the same packets.
                let one = Injection { seed: round, ..injection(&host.target(), &id, fault, &with) };
                arm(agent, one);
                host.ask(&format!("send 127.0.0.1:18031 {PACKETS} 30"));
                let heard = ear.heard();
                got.push(hits(&heard) as f64 * 100.0 / PACKETS as f64);
                said.push(bite(agent, &id).delivered.unwrap_or(f64::NAN));
                crate::rig::disarm(agent);
            }
            let p = f64::from(share) / 100.0;
            let off = 2.576 * (p * (1.0 - p) / PACKETS as f64).sqrt() * 100.0;
            let asked = format!("{share} ± {off:.2} %");
            let what = format!("{fault}: {share}% {part} of {PACKETS} packets").replace("  ", " ");
            table.numbers(&what, "Squall", &asked, "%", &got);
            table.numbers(&format!("{what}: what it says it did"), "Squall", &asked, "%", &said);
        }
    }
}

/// How far the delay of each packet is from what was asked.
fn delays(table: &mut Table, agent: &mut Client) {
    let mut host = Host::start("delays");
    let ear = Ear::listen("127.0.0.1:18032");
    let straight = |host: &mut Host| {
        host.ask(&format!("send 127.0.0.1:18032 {LATE} 200"));
        ear.heard().late_us
    };
    let off = |late: &[u64], asked_us: f64| {
        late.iter().map(|late| (*late as f64 - asked_us).abs() / 1e3).collect::<Vec<f64>>()
    };
    table.numbers(
        "net.delay: no fault, the way itself",
        "–",
        "–",
        "ms",
        &off(&straight(&mut host), 0.0),
    );
    for ms in [1u32, 10, 50] {
        let mean = format!("{ms}ms");
        let id = format!("delay{ms}");
        arm(agent, injection(&host.target(), &id, "net.delay", &[("mean", &mean)]));
        let late = straight(&mut host);
        crate::rig::disarm(agent);
        assert_eq!(late.len() as u64, LATE, "none is lost");
        let what = format!("net.delay: |measured − asked| at {ms} ms, {LATE} packets at 5,000/s");
        table.numbers(
            &what,
            "Squall (TAP)",
            "p99 ≤ 0.5 ms",
            "ms",
            &off(&late, f64::from(ms) * 1e3),
        );
    }
}

/// What TCP gets through a rate.
fn rates(table: &mut Table, agent: &mut Client) {
    let mut host = Host::start("rates");
    let sink = host::Sink::listen("127.0.0.1:18033");
    for mbit in [1u32, 10, 100, 1000] {
        let rate = format!("{mbit}Mbit/s");
        let (mut payload, mut wire) = (Vec::new(), Vec::new());
        for round in 0..2 {
            let id = format!("rate{mbit}-{round}");
            arm(agent, injection(&host.target(), &id, "net.bandwidth", &[("rate", &rate)]));
            host.tell("push 127.0.0.1:18033 3200");
            // The first bytes fill buffers.
            std::thread::sleep(Duration::from_millis(1_000));
            let (before, start) = (sink.bytes(), Instant::now());
            std::thread::sleep(Duration::from_millis(2_000));
            let bits = (sink.bytes() - before) as f64 * 8.0;
            payload.push(bits / start.elapsed().as_secs_f64() / 1e6);
            wire.push(bite(agent, &id).delivered.unwrap_or(f64::NAN));
            host.hear();
            crate::rig::disarm(agent);
        }
        let what = format!("net.bandwidth: {mbit} Mbit/s asked");
        let asked = format!("{mbit} Mbit/s");
        table.numbers(
            &format!("{what}, payload of TCP"),
            "Squall (HTB)",
            &asked,
            "Mbit/s",
            &payload,
        );
        table.numbers(
            &format!("{what}, the wire as it says"),
            "Squall (HTB)",
            &asked,
            "Mbit/s",
            &wire,
        );
    }
}

/// What a loaded hook costs each connect, and how soon it acts.
fn hook(table: &mut Table, agent: &mut Client) {
    let mut host = Host::start("hook");
    let server = UdpSocket::bind("127.0.0.1:18034").expect("a port is free");
    let cost =
        |host: &mut Host| host.ask("connects 127.0.0.1:18034 20000").parse().unwrap_or(f64::NAN);
    let (mut without, mut with, mut soon) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS * 2 {
        without.push(cost(&mut host));
        let id = format!("hook{round}");
        let mut one = injection(&host.target(), &id, "net.refuse", &[]);
        one.filters =
            [("port", "9"), ("protocol", "both")].map(|(k, v)| (k.into(), v.into())).into();
        arm(agent, one);
        with.push(cost(&mut host));
        crate::rig::disarm(agent);
    }
    for round in 0..ROUNDS * 4 {
        let id = format!("soon{round}");
        let mut one = injection(&host.target(), &id, "net.refuse", &[]);
        one.filters = [("protocol".into(), "both".into())].into();
        arm(agent, one);
        let start = Instant::now();
        assert_eq!(
            host.ask("connects 127.0.0.1:18034 1"),
            "refused",
            "the answer is after the effect"
        );
        soon.push(start.elapsed());
        crate::rig::disarm(agent);
    }
    drop(server);
    let least = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
    let added = least(&with) - least(&without);
    table.numbers("net.refuse: a UDP connect, no fault", "–", "–", "ns", &without);
    table.numbers("net.refuse: a UDP connect, armed for another port", "Squall", "–", "ns", &with);
    table.numbers(
        "net.refuse: added to a connect (least less least)",
        "Squall",
        "≤ 1000 ns",
        "ns",
        &[added],
    );
    table.times("net.refuse: armed → a connect was refused", "Squall", "≤ 1 ms", &soon);
}

/// 2,000 live connections, reset at once.
fn resets(table: &mut Table, agent: &mut Client) {
    let mut host = Host::start("resets");
    let sink = host::Sink::listen("127.0.0.1:18035");
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        assert_eq!(host.ask(&format!("dial 127.0.0.1:18035 {CONNECTIONS}")), "connected");
        let id = format!("reset{round}");
        let armed = arm(agent, injection(&host.target(), &id, "net.reset", &[]));
        times.push(Duration::from_micros(armed.apply_us));
        assert_eq!(bite(agent, &id).hits, CONNECTIONS as u64);
        assert_eq!(host.ask("talk"), format!("ConnectionReset {CONNECTIONS}"));
        crate::rig::disarm(agent);
    }
    drop(sink);
    table.times("net.reset: 2,000 live connections", "Squall", "≤ 150 ms", &times);
}

/// A fault on each of 100 targets, over four connections: a run may have 32 targets.
fn many(table: &mut Table, rig: &Rig) {
    let hosts: Vec<Host> = (0..TARGETS).map(|at| Host::start(&format!("many{at}"))).collect();
    // Looking for one reads every process of the host.
    let targets: Vec<Target> = hosts.iter().map(Host::target).collect();
    for fault in ["net.refuse", "net.partition"] {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let of = |(at, target): (usize, &Target)| Injection {
                run: format!("many{}", at / PER_RUN),
                ..injection(target, &format!("{fault}{round}-{at}"), fault, &[])
            };
            let all: Vec<Injection> = targets.iter().enumerate().map(of).collect();
            let mut agents: Vec<Client> = all.chunks(PER_RUN).map(|_| rig.agent()).collect();
            let start = Instant::now();
            std::thread::scope(|scope| {
                for (part, agent) in all.chunks(PER_RUN).zip(&mut agents) {
                    scope.spawn(|| part.iter().for_each(|one| drop(arm(agent, one.clone()))));
                }
            });
            times.push(start.elapsed());
            for (part, agent) in all.chunks(PER_RUN).zip(&mut agents) {
                let run = part.first().expect("a chunk is not empty").run.clone();
                let undone = agent.call(Ask::Disarm { run, injection: None });
                assert!(matches!(undone, Ok(Answer::Disarmed { .. })), "{undone:?}");
            }
        }
        table.times(&format!("{fault}: 100 on 100 targets"), "Squall", "≤ 200 ms", &times);
    }
}

/// The agent is killed with -9: how soon a connect works again.
fn gone(table: &mut Table) {
    let server = UdpSocket::bind("127.0.0.1:18036").expect("a port is free");
    let mut times = Vec::new();
    for round in 0..ROUNDS * 2 {
        let rig = Rig::start(PORT + 9);
        let mut agent = rig.agent();
        let mut host = Host::start(&format!("gone{round}"));
        let mut one = injection(&host.target(), &format!("gone{round}"), "net.refuse", &[]);
        one.filters = [("protocol".into(), "both".into())].into();
        arm(&mut agent, one);
        let pid = Pid::from_raw(agent.greeting().pid.cast_signed()).expect("an agent has a pid");
        host.tell("works 127.0.0.1:18036");
        let start = Instant::now();
        kill_process(pid, Signal::KILL).expect("the agent can be killed");
        assert_eq!(host.hear(), "works");
        times.push(start.elapsed());
        until("the watchdog is done", LIMIT, || TcpListener::bind("127.0.0.1:0").ok());
    }
    drop(server);
    table.times("net.refuse: kill -9 of the agent → gone", "Squall", "≤ 5 ms", &times);
}

fn arm(agent: &mut Client, injection: Injection) -> Armed {
    let ask = Ask::Arm { injection: Box::new(injection), radius_max: PER_RUN as u32 };
    match agent.call(ask) {
        Ok(Answer::Armed(armed)) => armed,
        other => panic!("the agent did not arm: {other:?}"),
    }
}
