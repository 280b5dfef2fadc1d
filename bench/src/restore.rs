//! From the moment somebody dies or a lease ends to the target restored.

use crate::figure::Table;
use crate::rig::{Rig, arm, injection, squall, state};
use squall_real::until::until;
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 20;
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn run(table: &mut Table) {
    agent_killed(table);
    lease_ends(table);
    breach(table);
}

/// A paused target goes on after its agent got a kill -9.
fn agent_killed(table: &mut Table) {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let rig = Rig::start(18_002);
        let mut agent = rig.agent();
        arm(&mut agent, injection(&rig.target(), &format!("k{round}"), "process.pause", &[]));
        let pid = agent.greeting().pid.to_string();
        let start = Instant::now();
        let killed = Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.is_ok_and(|s| s.success()), "the agent can be killed");
        until("the target goes on", LIMIT, || (state(rig.pid())? != 'T').then_some(()));
        times.push(start.elapsed());
    }
    table.times("agent killed -9 → restored", "Squall", "≤ 100 ms", &times);
}

/// A paused target goes on when nobody renews its lease.
fn lease_ends(table: &mut Table) {
    let rig = Rig::start(18_003);
    let mut agent = rig.agent();
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let mut wanted = injection(&rig.target(), &format!("l{round}"), "process.pause", &[]);
        wanted.lease_ms = 300;
        let start = Instant::now();
        arm(&mut agent, wanted);
        until("the target goes on", LIMIT, || (state(rig.pid())? != 'T').then_some(()));
        times.push(start.elapsed().saturating_sub(Duration::from_millis(300)));
    }
    table.times("lease ended → restored", "Squall", "≤ 100 ms", &times);
}

/// A whole run whose own traffic shows the breach: from the sample that decided to restored.
fn breach(table: &mut Table) {
    let (mut decided, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let rig = Rig::start(18_004);
        let file = rig.folder().join("breach.yaml");
        std::fs::write(&file, EXPERIMENT).expect("the file can be written");
        let out = Command::new(squall())
            .args(["run", &file.display().to_string(), "--output", "json"])
            .current_dir(rig.folder())
            .env("SQUALL_STATE", rig.folder())
            .output()
            .expect("squall starts");
        assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
        let run = std::fs::read_dir(rig.folder().join(".squall")).expect("a record was written");
        let record = run.flatten().map(|e| e.path().join("record.jsonl")).find(|p| p.exists());
        let record = std::fs::read_to_string(record.expect("a record was written"));
        let (mut decided_us, mut restored_us) = (0, 0);
        for line in record.expect("the record can be read").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("a record is JSON");
            decided_us += line["event"]["abort"]["decidedUs"].as_u64().unwrap_or(0);
            decided_us += line["event"]["abort"]["decided_us"].as_u64().unwrap_or(0);
            restored_us += line["event"]["restore"]["took_us"].as_u64().unwrap_or(0);
        }
        decided.push(Duration::from_micros(decided_us));
        whole.push(Duration::from_micros(decided_us + restored_us));
    }
    table.times("deciding sample → order to restore", "Squall", "–", &decided);
    table.times("breach seen → host restored", "Squall", "≤ 50 ms", &whole);
}

const EXPERIMENT: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: breach}
spec:
  hypothesis: Requests are answered while the server is stopped.
  signals:
    - traffic: {url: "http://127.0.0.1:18004/", rate: 200/s, timeout: 500ms}
  steadyState:
    - name: success
      query: >-
        sum(rate(squall_client_requests_total{outcome="ok"}[10s]))
        / sum(rate(squall_client_requests_total[10s]))
      expect: ">= 99%"
  baseline: 3s
  method:
    - fault: process.pause
      target: {port: 18004}
      hold: 20s
  recovery: {within: 10s}
"#;
