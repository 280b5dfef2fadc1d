//! Faults on TLS: how exact a share is, and what a handshake costs that is not meant.

use crate::asker::{self, Asked};
use crate::figure::Table;
use crate::rig::{Rig, arm, disarm, injection};
use squall_agent::client::Client;
use squall_wire::injection::Injection;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PORT: u16 = 18_040;
const ROUNDS: usize = 3;
const TRIALS: usize = 10_000;
/// The binomial 99 % interval of 10 % over so many.
const INTERVAL: &str = "9.23 to 10.77 %";
const HELLOS: usize = 1_000;
const KILLS: usize = 10;
/// The alert for it.
const HANDSHAKE_FAILURE: u8 = 40;

pub(crate) fn run(table: &mut Table) {
    let rig = Rig::start(PORT);
    let mut agent = rig.agent();
    unmatched(table, &rig, &mut agent);
    shares(table, &rig, &mut agent);
    drop(agent);
    drop(rig);
    killed(table);
}

/// Connect, hello, and the end of a server that does not speak TLS.
fn unmatched(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let what = "tls.alert: a connection that is not meant, from connect to its end";
    let us = |asked: Vec<Asked>| -> Vec<f64> {
        asked.iter().map(|one| one.took.as_secs_f64() * 1e6).collect()
    };
    let (mut direct, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        direct.extend(us(asker::ask(rig.cgroup(), &server(PORT), HELLOS, 1)));
        arm(agent, meant(rig, &format!("u{round}"), &[], "never.meant", PORT));
        ours.extend(us(asker::ask(rig.cgroup(), &server(PORT), HELLOS, 1)));
        disarm(agent);
    }
    let before = table.numbers(what, "direct", "–", "µs", &direct);
    let after = table.numbers(what, "Squall", "–", "µs", &ours);
    table.numbers(&format!("{what}: added, median"), "Squall", "–", "µs", &[after - before]);
}

fn shares(table: &mut Table, rig: &Rig, agent: &mut Client) {
    let mut hit = Vec::new();
    for round in 0..ROUNDS {
        let wanted = meant(rig, &format!("s{round}"), &[("share", "10%")], "*.shop.test", PORT);
        arm(agent, Injection { seed: round as u64, ..wanted });
        let asked = asker::ask(rig.cgroup(), &server(PORT), TRIALS, 1);
        let hurt = asked.iter().filter(|one| one.code == Some(HANDSHAKE_FAILURE)).count();
        hit.push(hurt as f64 / asked.len() as f64 * 100.0);
        disarm(agent);
    }
    let what = format!("tls.alert: share of {TRIALS} handshakes hurt, 10 % asked");
    table.numbers(&what, "Squall", INTERVAL, "%", &hit);
}

/// From kill -9 of the agent to the first connection that the server itself answered.
fn killed(table: &mut Table) {
    let mut times = Vec::new();
    for round in 0..KILLS {
        let rig = Rig::start(PORT + 1);
        let mut agent = rig.agent();
        arm(&mut agent, meant(&rig, &format!("k{round}"), &[], "*.shop.test", PORT + 1));
        let asking = asker::start(rig.cgroup(), &server(PORT + 1), 5_000, 1);
        std::thread::sleep(Duration::from_millis(100));
        let pid = agent.greeting().pid.to_string();
        let killed = Command::new("kill").args(["-9", &pid]).status();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        assert!(killed.is_ok_and(|status| status.success()), "the agent can be killed");
        let asked = asker::read(asking);
        let last = asked.iter().rposition(|one| one.code == Some(HANDSHAKE_FAILURE));
        let last = last.expect("the fault was there before");
        let first = asked.get(last + 1).expect("the server is back").at_unix_ns;
        times.push(Duration::from_nanos(first.saturating_sub(at) as u64));
    }
    table.times("tls.alert: agent killed -9 → the server itself", "Squall", "≤ 5 ms", &times);
}

fn server(port: u16) -> String {
    format!("tls:{port}")
}

fn meant(rig: &Rig, id: &str, with: &[(&str, &str)], sni: &str, port: u16) -> Injection {
    let filters = [("sni", sni.to_owned()), ("port", port.to_string())];
    let filters = filters.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Injection { filters, lease_ms: 60_000, ..injection(&rig.target(), id, "tls.alert", with) }
}
