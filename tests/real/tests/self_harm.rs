//! Squall cannot cut itself off: with everything of the target lost, the agent is commanded, the
//! way in answers and so does what is scraped; a fault that would hit more than its target is
//! refused.

use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm};
use squall_agent::client::ClientError;
use squall_faults::catalog;
use squall_faults::sys::doctor;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Ask};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
/// What stands for the way in, the API server and the scraped page: a service of the same network
/// namespace that is not the target.
const WAY_IN: &str = "127.0.0.1:8090";

/// Everything that cuts a target off, as widely as it can be asked for.
const CUTS: &[(&str, &[(&str, &str)])] = &[
    ("net.loss", &[("share", "100%")]),
    ("net.partition", &[]),
    ("net.refuse", &[]),
    ("dns.timeout", &[]),
];

#[test]
fn with_every_packet_of_the_target_lost_the_agent_is_commanded_and_others_answer() {
    if !met("with_every_packet_of_the_target_lost_the_agent_is_commanded", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut victim = Victim::new();
    victim.call_witness(WAY_IN, "127.0.0.1:8091");
    // The agent lives in the very namespace in which everything is lost.
    let mut inside = Command::new("nsenter");
    inside.arg(format!("--net=/proc/{}/ns/net", victim.pid())).arg("--").arg(ROLE);
    let agent = Agent::start_with(&victim, inside, &["agent"]);
    let way_in: SocketAddr = WAY_IN.parse().unwrap();
    for (fault, with) in CUTS {
        let entry = catalog::find(fault).unwrap();
        if let Err(why) = doctor::available(entry.fault) {
            println!("SKIP {fault} against the agent itself: {why}");
            continue;
        }
        let mut client = agent.client();
        arm(&mut client, &victim.injection(fault, with));
        until(&format!("the way in answers under {fault}"), SOON, || {
            victim.get_at(way_in, "/metrics", Duration::from_secs(1)).ok()
        });
        // A new connection, not only the one that armed.
        let Ok(Answer::Status { armed, .. }) = agent.client().call(Ask::Status) else {
            panic!("the agent does not answer under {fault}");
        };
        assert_eq!(armed.len(), 1, "{fault}");
        client.call(Ask::Renew { run: "run1".into() }).unwrap();
        let outcomes = disarm(&mut client, "run1");
        assert!(outcomes.len() == 1 && outcomes[0].residue.is_empty(), "{outcomes:?}");
        println!("{fault}: commanded, seen and ended from inside the namespace");
    }
}

#[track_caller]
fn refused(agent: &Agent, injection: &Injection, says: &[&str]) {
    let ask = Ask::Arm { injection: Box::new(injection.clone()), radius_max: 1 };
    match agent.client().call(ask) {
        Err(ClientError::Refused(refusal)) => {
            let message = &refusal.message;
            assert!(says.iter().any(|word| message.contains(word)), "{message}");
            println!("refused: {message}");
        }
        other => panic!("it is refused: {other:?}"),
    }
}

#[test]
fn a_fault_that_would_cut_off_squall_or_others_is_refused_untouched() {
    if !met("a_fault_that_would_cut_off_squall_or_others_is_refused_untouched", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let before = victim.fingerprint();
    // Somebody else in the target's group and namespace: packets cannot be told apart.
    let mut lab = Command::new("sh");
    let group = squall_real::lab::cgroup2_mount().unwrap();
    let group = group.join(victim.target.cgroup.trim_start_matches('/'));
    lab.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec nsenter \"$1\" -- sleep 60"]).arg(group);
    let mut other = lab.arg(format!("--net=/proc/{}/ns/net", victim.pid())).spawn().unwrap();
    until("somebody else is in the group", SOON, || {
        victim.cgroup_members().lines().any(|pid| pid == other.id().to_string()).then_some(())
    });
    for fault in ["net.loss", "net.partition"] {
        let with: &[(&str, &str)] = if fault == "net.loss" { &[("share", "100%")] } else { &[] };
        refused(&agent, &victim.injection(fault, with), &["cannot be told from those of others"]);
    }
    other.kill().unwrap();
    other.wait().unwrap();
    // Squall itself, what started it, and the first process.
    let own = |pid: u32| {
        let process = squall_faults::sys::process::identity(pid).unwrap();
        let mut injection = victim.injection("process.pause", &[]);
        injection.target.process = process;
        injection
    };
    refused(&agent, &own(agent.child.id()), &["Squall itself"]);
    refused(&agent, &own(std::process::id()), &["started it"]);
    refused(&agent, &own(1), &["first process", "started it", "Squall itself"]);
    let watchdog = agent.client().greeting().watchdog;
    refused(&agent, &own(watchdog), &["Squall"]);
    victim.assert_unchanged(&before);
}
