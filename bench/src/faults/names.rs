//! Faults on names next to a plain forwarder: what a question costs that is not meant, how exact
//! the doses are, and how soon the real resolver is back.

use crate::asker::{self, Asked};
use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use squall_agent::client::Client;
use squall_wire::injection::Injection;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PORT: u16 = 18_030;
const ROUNDS: usize = 3;
/// Questions of one round.
const QUESTIONS: usize = 2_000;
/// A forwarder without a cache, the practical limit of a resolver in user space.
const FORWARDER: u16 = 5354;
/// Trials of a share, and the binomial 99 % interval of 10 % over them, in percent.
const TRIALS: usize = 10_000;
const INTERVAL: &str = "9.23 to 10.77 %";
const KILLS: usize = 10;

pub(crate) fn run(table: &mut Table) {
    let Some(_resolver) = Resolver::start(53, &["--address=/shop.test/10.9.0.1"]) else {
        eprintln!("bench: no dnsmasq, so no figures of names: apt-get install dnsmasq-base");
        return;
    };
    let _forwarder = Resolver::start(FORWARDER, &["--server=127.0.0.1#53", "--cache-size=0"]);
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    unmatched(table, &rig, &mut agent);
    shares(table, &rig, &mut agent);
    for asked_ms in [1, 50] {
        delays(table, &rig, &mut agent, asked_ms);
    }
    drop(agent);
    drop(rig);
    killed(table);
}

/// A question for another name, direct, by a forwarder, and while a fault is armed.
fn unmatched(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let what = "dns.error: a question that is not meant";
    let us = |asked: Vec<Asked>| -> Vec<f64> {
        asked.iter().map(|one| one.took.as_secs_f64() * 1e6).collect()
    };
    let (mut direct, mut by_peer, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        direct.extend(us(asker::ask(rig.cgroup(), "api.shop.test", QUESTIONS, 1)));
        let at = format!("api.shop.test@{FORWARDER}");
        by_peer.extend(us(asker::ask(rig.cgroup(), &at, QUESTIONS, 1)));
        arm(agent, meant(rig, &format!("u{round}"), "dns.error", &[], "never.meant"));
        ours.extend(us(asker::ask(rig.cgroup(), "api.shop.test", QUESTIONS, 1)));
        disarm(agent);
    }
    let before = table.numbers(what, "direct", "–", "µs", &direct);
    table.numbers(what, "dnsmasq as a forwarder", "–", "µs", &by_peer);
    let after = table.numbers(what, "Squall", "–", "µs", &ours);
    table.numbers(&format!("{what}: added, median"), "Squall", "–", "µs", &[after - before]);
}

fn shares(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let with = [("share", "10%"), ("rcode", "servfail")];
    let mut hit = Vec::new();
    for round in 0..ROUNDS {
        let wanted = meant(rig, &format!("s{round}"), "dns.error", &with, "*.shop.test");
        arm(agent, Injection { seed: round as u64, ..wanted });
        let asked = asker::ask(rig.cgroup(), "api.shop.test", TRIALS, 1);
        hit.push(percent(&asked, |one| one.code == Some(2)));
        disarm(agent);
    }
    let what = format!("dns.error: share of {TRIALS} questions hurt, 10 % asked");
    table.numbers(&what, "Squall", INTERVAL, "%", &hit);
}

fn delays(table: &mut Table, rig: &Rig, agent: &mut Client, asked_ms: u64) {
    let mean = format!("{asked_ms}ms");
    let id = format!("d{asked_ms}");
    arm(agent, meant(rig, &id, "dns.delay", &[("mean", &mean)], "*.shop.test"));
    let times = if asked_ms > 10 { 60 } else { 600 };
    let asked = asker::ask(rig.cgroup(), "api.shop.test", times, 8);
    disarm(agent);
    let off = |one: &Asked| (one.took.as_secs_f64() * 1e3 - asked_ms as f64).abs();
    let off: Vec<f64> = asked.iter().map(off).collect();
    let what = format!("dns.delay: |measured − asked| at {asked_ms} ms, 8 clients");
    table.numbers(&what, "Squall", "p99 ≤ 0.5 ms", "ms", &off);
}

/// From kill -9 of the agent to the first right answer; questions are asked without a pause.
fn killed(table: &mut Table) {
    let mut times = Vec::new();
    for round in 0..KILLS {
        let rig = Rig::start(PORT + 1);
        let mut agent = rig.agent();
        arm(&mut agent, meant(&rig, &format!("k{round}"), "dns.error", &[], "*.shop.test"));
        let asking = asker::start(rig.cgroup(), "hurry:api.shop.test", 10_000, 1);
        std::thread::sleep(Duration::from_millis(100));
        let pid = agent.greeting().pid.to_string();
        let killed = Command::new("kill").args(["-9", &pid]).status();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        assert!(killed.is_ok_and(|status| status.success()), "the agent can be killed");
        let asked = asker::read(asking);
        assert!(asked.iter().any(|one| one.code == Some(3)), "the fault was there before");
        let first = asked.iter().find(|one| one.code == Some(0));
        let first = first.expect("the right answer comes back").at_unix_ns;
        times.push(Duration::from_nanos(first.saturating_sub(at) as u64));
    }
    table.times("dns.error: agent killed -9 → the right answer", "Squall", "≤ 5 ms", &times);
}

/// An injection on the names that a pattern chooses.
fn meant(rig: &Rig, id: &str, fault: &str, with: &[(&str, &str)], name: &str) -> Injection {
    let filters = [("name".to_owned(), name.to_owned())].into_iter().collect();
    Injection { filters, lease_ms: 60_000, ..injection(&rig.target(), id, fault, with) }
}

fn percent(asked: &[Asked], is: impl Fn(&Asked) -> bool) -> f64 {
    asked.iter().filter(|one| is(one)).count() as f64 / asked.len() as f64 * 100.0
}

/// dnsmasq in the bench's namespace.
struct Resolver(Child);

impl Resolver {
    fn start(port: u16, words: &[&str]) -> Option<Resolver> {
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--user=root"]);
        command.args(["--pid-file=", "--no-resolv", "--no-hosts", "--bind-interfaces"]);
        command.args(["--listen-address=127.0.0.1", &format!("--port={port}")]).args(words);
        let child = command.stdin(Stdio::null()).spawn().ok()?;
        let resolver = Resolver(child);
        squall_real::until::until("the resolver listens", Duration::from_secs(5), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Some(resolver)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
