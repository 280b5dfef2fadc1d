//! A target with a witness beside it, an agent that stops at named points, and runs to kill.

use super::trap::Trap;
use crate::seen::Case;
use crate::victim::{Agent, ROLE, SOON, Victim};
use rustix::process::{Pid, Signal, kill_process};
use squall_real::squall;
use squall_real::until::until;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where the service beside the target serves, which `squall run` watches.
const STEADY: &str = "127.0.0.1:8090";

pub(super) struct Scene {
    pub(super) agent: Option<Agent>,
    pub(super) trap: Trap,
    pub(super) victim: Victim,
    pub(super) runs: u32,
    spent: bool,
}

impl Scene {
    pub(super) fn new(case: &Case) -> Scene {
        let mut victim = (case.victim)();
        victim.call_witness(STEADY, "127.0.0.1:8091");
        let trap = Trap::new(victim.lab.scratch());
        Scene { agent: None, trap, victim, runs: 0, spent: false }
    }

    /// The agent, a new one where there is none.
    pub(super) fn agent(&mut self) -> &mut Agent {
        if self.agent.is_none() {
            let mut command = Command::new(ROLE);
            command.env("SQUALL_POINTS", &self.trap.path);
            self.agent = Some(Agent::start_with(&self.victim, command, &["agent"]));
        }
        self.agent.as_mut().unwrap()
    }

    /// Its target is gone: the next kill needs another.
    pub(super) fn spend(&mut self) {
        self.spent = true;
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.spent && !self.victim.is_gone()
    }

    /// A process that holds a lease as the engine does.
    pub(super) fn engine(&mut self) -> Run {
        let paths = &self.agent().paths;
        let mut command = Command::new(ROLE);
        command.arg("client").stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("SQUALL_STATE", &paths.state_dir).env("SQUALL_SOCKET", &paths.socket);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut run = Run { child, lines: Some(lines) };
        assert_eq!(run.hear(), "connected");
        run
    }

    /// `squall run` of the smallest experiment with this fault.
    pub(super) fn cli(&mut self, case: &Case) -> Run {
        let paths = self.agent().paths.clone();
        let scratch = self.victim.lab.scratch().to_path_buf();
        let file = scratch.join("residue.yaml");
        std::fs::write(&file, experiment(case, self.victim.pid())).unwrap();
        let records = scratch.join("records").display().to_string();
        let words = ["run", &file.display().to_string(), "--records", &records];
        let mut command = squall::command(&self.victim.lab, &words);
        command.env("SQUALL_STATE", &paths.state_dir).env("SQUALL_SOCKET", &paths.socket);
        let said = File::create(scratch.join("run.log")).unwrap();
        command.stdout(said.try_clone().unwrap()).stderr(said);
        Run { child: command.spawn().unwrap(), lines: None }
    }

    /// `squall undo`, with the agent gone.
    pub(super) fn undo(&self) -> Child {
        let mut command = Command::new(ROLE);
        command.arg("undo").env("SQUALL_STATE", self.victim.state_dir());
        command.env_remove("SQUALL_SOCKET").env("SQUALL_POINTS", &self.trap.path);
        command.stdout(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // The agent first, with its watchdog behind it, while what they restore is still there.
        if let Some(agent) = self.agent.take() {
            let dir = agent.paths.state_dir.clone();
            drop(agent);
            let open =
                || squall_agent::journal::peek(&dir).is_ok_and(|found| found.open.is_empty());
            if !std::thread::panicking() {
                until("the last watchdog is done", SOON, || open().then_some(()));
            }
        }
    }
}

fn experiment(case: &Case, pid: u32) -> String {
    let block = |name: &str, pairs: crate::seen::Pairs| {
        let pairs = pairs.iter().map(|(key, value)| format!("{key}: {value:?}"));
        let pairs: Vec<_> = pairs.collect();
        if pairs.is_empty() { String::new() } else { format!("{name}: {{{}}}", pairs.join(", ")) }
    };
    let (with, filters) = (block("with", case.with), block("where", case.filters));
    format!(
        r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: residue}}
spec:
  hypothesis: Nothing stays.
  signals:
    - traffic: {{url: "http://127.0.0.1:8090/", rate: 100/s}}
  steadyState:
    - name: success
      query: 'sum(rate(squall_client_requests_total{{outcome="ok"}}[1s])) / sum(rate(squall_client_requests_total[1s]))'
      expect: ">= 10%"
  baseline: 300ms
  abort: {{consecutive: 2, every: 100ms}}
  method:
    - fault: {}
      target: {{pid: {pid}}}
      hold: 20s
      {with}
      {filters}
  recovery: {{within: 1s}}
"#,
        case.fault
    )
}

/// A run in a process of its own.
pub(super) struct Run {
    pub(super) child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Run {
    pub(super) fn say(&mut self, text: &str) {
        // It may be dead already: that is the point of the exercise.
        drop(writeln!(self.child.stdin.as_mut().unwrap(), "{text}"));
    }

    pub(super) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn kill(pid: u32, signal: Signal) {
    // It may have ended by itself in this very moment.
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
}
