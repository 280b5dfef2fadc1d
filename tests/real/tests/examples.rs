//! The example of every fault, run as its reader would run it: on the real shop, with this binary,
//! only shorter. One shop serves them all; what a fault ended is started again.

use crate::victim::alone;
use rustix::process::{Pid, Signal};
use squall_faults::catalog::{self, ALL};
use squall_faults::sys::{doctor, process};
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::squall::{Ran, command, run, shop};
use squall_real::until::until;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
const SOON: Duration = Duration::from_secs(20);
/// Held, refuted, stopped and restored, undecided: the fault was in place and is gone again. Such
/// short runs rarely decide; a refusal, residue or a bug is none of these.
const FINE: [i32; 4] = [0, 1, 3, 4];

/// A service of the shop: its name, its program, its arguments.
type Service = (&'static str, &'static str, &'static [&'static str]);

const SERVICES: [Service; 6] = [
    ("inventory", "inventory", &[]),
    ("payment-1", "payment", &["-port", "8083"]),
    ("payment-2", "payment", &["-port", "8084"]),
    ("order", "order", &[]),
    ("gateway", "gateway", &[]),
    // Not of the shop: it registers what an example may name and the shop has none of.
    (OTHER, OTHER, &["127.0.0.1:8070"]),
];
const OTHER: &str = "instrumented";
const PORTS: [u16; 4] = [8080, 8081, 8083, 8084];

struct Shop {
    lab: Lab,
    agent: Child,
    /// The pid of each service, in the order of the table.
    pids: Vec<u32>,
    started: usize,
}

impl Shop {
    fn open() -> Shop {
        let lab = Lab::new();
        let agent = command(&lab, &["agent"]).stdin(Stdio::null()).spawn().unwrap();
        let mut shop = Shop { lab, agent, pids: Vec::new(), started: 0 };
        shop.pids = (0..SERVICES.len()).map(|at| shop.start(at)).collect();
        shop.until_well();
        shop
    }

    fn start(&mut self, at: usize) -> u32 {
        let (name, program, args) = SERVICES[at];
        self.started += 1;
        let path = shop().join(program).to_str().unwrap().to_owned();
        let socket = self.lab.scratch().join("state/sdk.sock");
        let socket = format!("SQUALL_AGENT={}", socket.display());
        let words: Vec<&str> = [&[socket.as_str(), path.as_str()], args].concat();
        self.lab.start(&format!("{name}-{}", self.started), Path::new("env"), &words)
    }

    /// Starts again what has ended, and waits until the whole shop answers.
    fn until_well(&mut self) {
        for at in 0..SERVICES.len() {
            if process::identity(self.pids[at]).is_none() {
                self.pids[at] = self.start(at);
            }
        }
        for port in PORTS {
            self.lab.wait_http(&format!("http://127.0.0.1:{port}/healthz"));
        }
        until("order registers", SOON, || {
            let targets = command(&self.lab, &["targets"]).output().ok()?;
            String::from_utf8_lossy(&targets.stdout).contains("order").then_some(())
        });
    }

    fn run(&self, name: &str, text: &str) -> Ran {
        let file = format!("{name}.yaml");
        std::fs::write(self.lab.scratch().join(&file), text).unwrap();
        let ran = run(&self.lab, &["run", &file]);
        // A lock, a pool or a probe of the reader's own, which the shop has none of.
        let lacks = ran.code == 2 && format!("{}{}", ran.out, ran.err).contains("registered");
        if lacks && !text.contains(OTHER) {
            return self
                .run(name, &text.replace("{process: order}", &format!("{{process: {OTHER}}}")));
        }
        ran
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.agent.kill());
        drop(self.agent.wait());
    }
}

/// Cuts order off from one service, by its name, until it is stopped: what is judged meanwhile is
/// nothing that the cut can break.
fn cut_off(service: &str) -> String {
    format!(
        "apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: cut-off}}
spec:
  hypothesis: The gateway stays up.
  signals:
    - scrape: http://127.0.0.1:8080/metrics
    - traffic: {{url: \"http://127.0.0.1:8080/api/order\", rate: 50/s}}
  steadyState:
    - {{name: goroutines, query: go_goroutines, expect: < 1000000}}
  radius: {{allowAll: true}}
  baseline: 1s
  abort: {{consecutive: 3, every: 100ms}}
  method:
    - fault: net.partition
      target: {{process: order}}
      where: {{service: {service}}}
      hold: 60s
  recovery: {{within: 1s}}
"
    )
}

/// Why an order is not taken, as the shop says it; nothing where it is.
fn refusal(lab: &Lab) -> Option<String> {
    let mut curl = lab.command("curl");
    let order = r#"{"id": "1", "article": "umbrella", "cents": 100}"#;
    curl.args(["-sS", "--max-time", "3", "-d", order, "-H", "content-type: application/json"]);
    let answer = curl.arg("http://127.0.0.1:8081/orders").output().unwrap();
    let answer: serde_json::Value =
        serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| "no answer".into());
    let taken = answer.get("payment").is_some();
    (!taken).then(|| answer["reason"].as_str().unwrap_or("no answer").to_owned())
}

#[test]
fn a_service_is_cut_off_by_its_name_and_no_other() {
    let test = "a_service_is_cut_off_by_its_name_and_no_other";
    if !met(test, NEEDS) {
        return;
    }
    if let Err(why) = doctor::available(catalog::find("net.partition").unwrap().fault) {
        println!("SKIP {test}: {why}");
        return;
    }
    let _alone = alone();
    let shop = Shop::open();
    until("an order is taken", SOON, || refusal(&shop.lab).is_none().then_some(()));
    // Order asks inventory first: the reason tells which of the two it could not reach. It gives up
    // on a connection to payment after a while, and never on a payment it asked for over an open
    // one: then the asker does.
    let both: [(&str, &[&str]); 2] =
        [("inventory", &["INVENTORY"]), ("payment", &["PAYMENT", "no answer"])];
    for (service, reasons) in both {
        std::fs::write(shop.lab.scratch().join("cut.yaml"), cut_off(service)).unwrap();
        let plan = run(&shop.lab, &["plan", "cut.yaml"]);
        let found = format!("service {service} (127.0.0.1:808");
        assert!(plan.out.contains(&found), "{}{}", plan.out, plan.err);
        let mut run = command(&shop.lab, &["run", "cut.yaml"]);
        let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let cut_off = || refusal(&shop.lab).is_some_and(|why| reasons.contains(&why.as_str()));
        until(&format!("order is cut off from {service}"), SOON, || {
            (cut_off() || run.try_wait().unwrap().is_some()).then_some(())
        });
        if run.try_wait().unwrap().is_none() {
            let pid = Pid::from_raw(run.id().cast_signed()).unwrap();
            rustix::process::kill_process(pid, Signal::INT).unwrap();
        }
        let ran = Ran::of(&run.wait_with_output().unwrap()).expect_code(3);
        assert!(ran.out.contains("matching packets dropped"), "{}", ran.out);
        until("an order is taken again", SOON, || refusal(&shop.lab).is_none().then_some(()));
    }
    let typo = shop.run("typo", &cut_off("paymnt")).expect_code(2);
    assert!(typo.err.contains("did you mean \"payment\"?"), "{}", typo.err);
}

/// The same experiment with a short hold, under traffic of its own.
fn shorter(example: &str) -> String {
    let mut out = String::new();
    for line in example.lines() {
        match line.trim_start().split(':').next().unwrap_or_default() {
            "hold" => out += "      hold: 200ms",
            "recovery" => out += "  recovery: {within: 200ms}",
            "method" => {
                out += "  baseline: 100ms\n  abort: {consecutive: 3, every: 100ms}\n  method:";
            }
            "steadyState" => {
                out += "    - traffic: {url: \"http://127.0.0.1:8080/api/order\", rate: 50/s}\n";
                out += line;
            }
            _ => out += line,
        }
        out.push('\n');
    }
    out
}

#[test]
fn the_example_of_every_fault_runs_on_the_shop() {
    let test = "the_example_of_every_fault_runs_on_the_shop";
    if !met(test, NEEDS) {
        return;
    }
    let _alone = alone();
    let only = std::env::var("SQUALL_FAULTS").unwrap_or_default();
    let mut shop = Shop::open();
    let mut failed = Vec::new();
    for entry in ALL {
        let described = entry.fault.describe();
        if !only.split(',').any(|name| described.name.starts_with(name)) {
            continue;
        }
        if let Err(why) = doctor::available(entry.fault) {
            println!("SKIP {test} for {}: {why}", described.name);
            continue;
        }
        let begin = Instant::now();
        let ran = shop.run(described.name, &shorter(described.example));
        println!("{}: exit {} after {:?}", described.name, ran.code, begin.elapsed());
        if !FINE.contains(&ran.code) {
            failed.push(format!(
                "{} ended with {}: {}{}",
                described.name, ran.code, ran.out, ran.err
            ));
        }
        shop.until_well();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
