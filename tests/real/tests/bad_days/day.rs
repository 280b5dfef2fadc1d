//! A day in a lab: a target to hurt, a steady service to watch beside it, and runs of `squall`
//! that are followed through their records.

use crate::victim::{ROLE, SOON, Victim};
use rustix::process::{Pid, Signal, kill_process};
use squall_agent::client::Client;
use squall_agent::journal::peek;
use squall_real::squall::{self, Ran};
use squall_real::until::until;
use squall_wire::record::{Event, Line, Phase, Verdict};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command};

/// Where the steady service serves; it also dials itself at the next port.
pub(crate) const STEADY: &str = "127.0.0.1:8090";

/// What is watched, unless a test says otherwise: the steady service under open-loop traffic,
/// which a fault on the target does not touch.
const TRAFFIC: &str = r#"- traffic: {url: "http://127.0.0.1:8090/", rate: 200/s}"#;
const SUCCESS: &str = r#"sum(rate(squall_client_requests_total{outcome="ok"}[2s])) / sum(rate(squall_client_requests_total[2s]))"#;

pub(crate) struct Day {
    pub(crate) victim: Victim,
    number: u32,
}

/// What an experiment of these tests says; everything else is the same in all of them.
pub(crate) struct Says {
    pub(crate) fault: &'static str,
    pub(crate) target: String,
    pub(crate) hold: &'static str,
    pub(crate) within: &'static str,
    pub(crate) signals: String,
    pub(crate) query: String,
    pub(crate) expect: &'static str,
}

impl Says {
    pub(crate) fn yaml(&self) -> String {
        let Says { fault, target, hold, within, signals, query, expect } = self;
        format!(
            r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: bad-day}}
spec:
  hypothesis: The steady service stays well.
  signals:
    {signals}
  steadyState:
    - name: success
      query: '{query}'
      expect: "{expect}"
  baseline: 1s
  abort: {{consecutive: 2, every: 250ms}}
  method:
    - fault: {fault}
      target: {target}
      hold: {hold}
  recovery: {{within: {within}}}
"#
        )
    }
}

impl Day {
    pub(crate) fn new() -> Day {
        let mut victim = Victim::new();
        victim.lab.start("steady", ROLE.as_ref(), &["target", STEADY, "127.0.0.1:8091"]);
        victim.lab.wait_port(STEADY.parse().unwrap());
        Day { victim, number: 0 }
    }

    /// A fault on the target for half a minute, while the steady service is watched.
    pub(crate) fn says(&self, fault: &'static str) -> Says {
        Says {
            fault,
            target: format!("{{pid: {}}}", self.victim.pid()),
            hold: "30s",
            within: "5s",
            signals: TRAFFIC.into(),
            query: SUCCESS.into(),
            expect: ">= 90%",
        }
    }

    /// A `squall` command in this lab.
    pub(crate) fn squall(&self, words: &[&str]) -> Command {
        squall::command(&self.victim.lab, words)
    }

    /// Writes an experiment and answers the words that run it with records of its own.
    pub(crate) fn words(&mut self, says: &Says) -> (Vec<String>, PathBuf) {
        self.number += 1;
        let scratch = self.victim.lab.scratch();
        let file = scratch.join(format!("{}.yaml", self.number));
        std::fs::write(&file, says.yaml()).unwrap();
        let records = scratch.join(format!("records-{}", self.number));
        let text = |path: &PathBuf| path.display().to_string();
        (vec!["run".into(), text(&file), "--records".into(), text(&records)], records)
    }

    /// Starts a run in the background.
    pub(crate) fn start(&mut self, says: &Says) -> Running {
        let (words, records) = self.words(says);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = self.squall(&words);
        self.follow(command, records)
    }

    /// Starts a command that runs an experiment, its output in files.
    pub(crate) fn follow(&self, mut command: Command, records: PathBuf) -> Running {
        let file = |name: &str| File::create(records.with_extension(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Running::of(child, records)
    }

    /// The pids of the agent and of its watchdog.
    pub(crate) fn guards(&self) -> (u32, u32) {
        let socket = self.victim.lab.scratch().join("run/agent.sock");
        let client = Client::connect(&socket, "test").unwrap();
        (client.greeting().pid, client.greeting().watchdog)
    }

    /// Asks an address in the lab over HTTP.
    pub(crate) fn get_at(&self, address: &str) -> Option<String> {
        let mut curl = self.victim.lab.command("curl");
        curl.args(["-fsS", "--max-time", "5"]).arg(format!("http://{address}/"));
        let output = curl.output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Fails unless nothing is left: the target runs, nothing is armed, no receipt is open.
    #[track_caller]
    pub(crate) fn assert_restored(&self) {
        assert!(!self.victim.is_stopped(), "the target goes on");
        let ran = squall::run(&self.victim.lab, &["faults", "--armed"]).expect_code(0);
        assert!(ran.out.contains("Nothing is armed on this host."), "{}", ran.out);
        let open = peek(&self.victim.lab.scratch().join("state")).unwrap().open;
        assert!(open.is_empty(), "{open:?}");
    }
}

impl Drop for Day {
    fn drop(&mut self) {
        // The agent that the last run started would end by itself, but later than its folder.
        drop(self.squall(&["undo"]).output());
    }
}

/// A run in the background.
pub(crate) struct Running {
    pub(crate) child: Child,
    records: PathBuf,
}

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) ran: Ran,
    pub(crate) lines: Vec<Line>,
}

impl Running {
    pub(crate) fn of(child: Child, records: PathBuf) -> Running {
        Running { child, records }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let Ok(mut runs) = std::fs::read_dir(&self.records) else { return Vec::new() };
        let Some(Ok(run)) = runs.next() else { return Vec::new() };
        let text = std::fs::read_to_string(run.path().join("record.jsonl")).unwrap_or_default();
        text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.records.with_extension(name)).unwrap_or_default()
    }

    /// The run's id.
    pub(crate) fn id(&self) -> String {
        let runs = std::fs::read_dir(&self.records).unwrap().next();
        runs.unwrap().unwrap().file_name().into_string().unwrap()
    }

    /// Waits until the record says that a phase began.
    #[track_caller]
    pub(crate) fn until_phase(&mut self, phase: Phase) {
        self.until_told(
            &format!("{phase:?}"),
            |event| matches!(event, Event::Phase(p) if *p == phase),
        );
    }

    /// Waits until the record has such an event.
    #[track_caller]
    pub(crate) fn until_told(&mut self, what: &str, find: impl Fn(&Event) -> bool) {
        until(what, SOON, || {
            let is_there = self.lines().iter().any(|line| find(&line.event));
            if !is_there && self.child.try_wait().unwrap().is_some() {
                panic!("it ended before {what}: {}{}", self.text("out"), self.text("err"));
            }
            is_there.then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end by itself.
    #[track_caller]
    pub(crate) fn end(mut self) -> Over {
        let status = until("the run ends", SOON, || self.child.try_wait().unwrap()).0;
        let code = status.code().unwrap_or(128 + status.signal().unwrap_or_default());
        let ran = Ran { code, out: self.text("out"), err: self.text("err") };
        Over { ran, lines: self.lines() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Over {
    /// Fails unless it ended with this code and said all of these, and prints how it ended.
    #[track_caller]
    pub(crate) fn expect(self, what: &str, code: i32, phrases: &[&str]) -> Over {
        let last: Vec<&str> = self.ran.out.lines().filter(|line| !line.is_empty()).collect();
        println!("{what}: exit {}", self.ran.code);
        for line in last.iter().take(1).chain(last.iter().skip(1).rev().take(1)) {
            println!("    {line}");
        }
        let ran = Ran { out: self.ran.out.clone(), err: self.ran.err.clone(), ..self.ran };
        ran.expect_code(code);
        // Lines for people are wrapped.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (out, err) = (flat(&self.ran.out), flat(&self.ran.err));
        for phrase in phrases {
            let said = out.contains(phrase) || err.contains(phrase);
            assert!(said, "{what}: {phrase:?} is missing\n{}\n{}", self.ran.out, self.ran.err);
        }
        self
    }

    /// Fails unless this is the last line on standard output.
    #[track_caller]
    pub(crate) fn expect_end(&self, line: &str) {
        assert_eq!(self.ran.out.lines().last(), Some(line), "{}", self.ran.err);
    }

    pub(crate) fn told(&self, find: impl Fn(&Event) -> bool) -> bool {
        self.lines.iter().any(|line| find(&line.event))
    }

    pub(crate) fn verdict(&self) -> &Verdict {
        let found = self.lines.iter().rev().find_map(|line| match &line.event {
            Event::Verdict(verdict) => Some(verdict.as_ref()),
            _ => None,
        });
        found.expect("a run that was not killed has a verdict")
    }

    /// Fails unless no fault was ever in place.
    #[track_caller]
    pub(crate) fn touched_nothing(&self) {
        assert!(!self.told(|event| matches!(event, Event::Inject { .. })), "{:?}", self.lines);
    }

    /// Fails unless a fault was in place, was undone without a residue, and the host's state was
    /// compared and found as it was.
    #[track_caller]
    pub(crate) fn was_undone(&self, day: &Day) {
        assert!(self.told(|event| matches!(event, Event::Inject { .. })));
        let clean =
            |event: &Event| matches!(event, Event::Restore { residue, .. } if residue.is_empty());
        assert!(self.told(clean), "{:?}", self.lines);
        assert!(self.verdict().restored);
        let compared = self.lines.iter().find_map(|line| match &line.event {
            Event::Compared { differences, of, .. } => Some((differences, *of)),
            _ => None,
        });
        let (differences, of) = compared.expect("the host was compared");
        // An agent without its capabilities reads fewer of them.
        assert!(of >= 10, "only {of} categories were compared");
        let ours = |found: &&squall_wire::fingerprint::Difference| {
            found.appeared && !day.victim.is_elsewhere(found)
        };
        let ours: Vec<_> = differences.iter().filter(ours).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
}
