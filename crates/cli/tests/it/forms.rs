//! The forms of output: JSON, color, completions, pages, and readers that go away.

use crate::world::{GOOD, Said, World};
use std::process::{Child, Command, Stdio};

const RULES: &str = "SLA(\"availability\")\nWHEN metric=\"http_requests_total\"\n\
    WHERE label=\"{job='api', status!~'5..'}\"\nAGGREGATE rate(5m)\nTHRESHOLD >= 0.995;\n";

/// A process of the test's own to aim at.
struct Aim(Child);

impl Aim {
    fn new() -> Aim {
        Aim(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn experiment(&self) -> String {
        GOOD.replace("4194304", &self.0.id().to_string())
    }
}

impl Drop for Aim {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn json_is_one_document_and_everything_else_is_on_stderr() {
    let world = World::new();
    let aim = Aim::new();
    world.write("good.yaml", aim.experiment());
    world.write("absent.yaml", GOOD);
    world.write("bad.yaml", GOOD.replace("hold: 10s", "hold: 10"));
    std::fs::create_dir(world.folder().join("broken")).unwrap();
    world.write("broken/bad.yaml", GOOD.replace("hold: 10s", "hold: 10"));
    world.write("broken/squall.services.yaml", "servcies: {}\n");
    world.write("record.jsonl", include_str!("../../../wire/vectors/record.v1.jsonl"));
    world.write("rules.sla", RULES);
    let cases: &[(&str, i32)] = &[
        ("check good.yaml", 0),
        ("check bad.yaml", 2),
        ("check broken/bad.yaml", 2),
        ("check none.yaml", 2),
        ("plan good.yaml", 0),
        ("plan absent.yaml", 2),
        ("plan broken/bad.yaml", 2),
        ("run absent.yaml", 2),
        ("run broken/bad.yaml", 2),
        ("run none.yaml", 2),
        ("report record.jsonl", 0),
        ("report none", 2),
        ("faults", 0),
        ("faults process.pause", 0),
        ("faults process.puase", 2),
        ("faults --armed", 0),
        ("doctor", 0),
        ("undo", 0),
        ("init here", 0),
        ("init here", 2),
        ("schema", 0),
        ("completions bash", 0),
        ("man", 0),
        ("agent --state /dev/null/no --socket /dev/null/no/s", 2),
        ("sla check rules.sla", 0),
        ("sla fmt rules.sla", 0),
        ("sla compile rules.sla --to promql", 0),
        ("sla compile rules.sla --to rules", 0),
        ("sla compile rules.sla --to openslo", 0),
        ("sla check none", 2),
        ("sla check none bad.yaml", 2),
        ("sla fmt bad.yaml", 2),
        ("sla fmt none", 2),
        ("sla import bad.yaml", 2),
        ("sla import none", 2),
        ("sla compile bad.yaml --to promql", 2),
        ("sla test none", 2),
        ("sla test bad.yaml", 2),
        ("chekc", 2),
        ("check", 2),
    ];
    for (words, code) in cases {
        let mut all: Vec<&str> = words.split(' ').collect();
        all.extend(["--output", "json"]);
        let said = world.run(&all).expect(*code, &[]);
        let document: Result<serde_json::Value, _> = serde_json::from_str(&said.out);
        assert!(document.is_ok(), "squall {words}: {document:?} {said:#?}");
        if *code != 0 {
            said.ends(&format!("exit {code}, {}", word_of(words)));
        }
    }
}

/// The word beside exit code 2.
fn word_of(words: &str) -> &'static str {
    let refused = ["plan absent.yaml", "run absent.yaml", "init here"];
    if refused.contains(&words) || words.starts_with("agent") { "refused" } else { "bad input" }
}

#[test]
fn a_plan_touches_nothing() {
    let world = World::new();
    let aim = Aim::new();
    world.write("good.yaml", aim.experiment());
    let phrases = ["dry run, nothing was touched", "process.pause", "Radius", "Worst case"];
    world.run(&["plan", "good.yaml"]).expect(0, &phrases).ends("exit 0, ready to run");
    assert_eq!(world.names(), ["good.yaml"], "neither records nor a state folder");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", aim.0.id())).unwrap();
    assert!(state.contains(") S "), "{state}");
}

#[test]
fn color_is_asked_for_or_absent() {
    let world = World::new();
    world.write("bad.yaml", GOOD.replace("hold: 10s", "hold: 10"));
    let colored = |words: &[&str], no_color: Option<&str>| {
        let mut command = world.command(words);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        Said::of(&command.output().unwrap()).expect(2, &["S107"]).err.contains('\x1b')
    };
    assert!(!colored(&["check", "bad.yaml"], None), "a pipe has none");
    assert!(!colored(&["check", "bad.yaml"], Some("1")));
    assert!(colored(&["check", "bad.yaml", "--color", "always"], None));
    assert!(colored(&["check", "bad.yaml", "--color", "always"], Some("1")), "a wish wins");
    assert!(!colored(&["check", "bad.yaml", "--color", "never"], None));
    let said = world.run(&["check", "bad.yaml", "--color", "sometimes"]);
    said.expect(2, &["sometimes", "auto"]).ends("exit 2, bad input");
}

#[test]
fn completions_and_man_pages_name_every_verb() {
    let world = World::new();
    let verbs = ["agent", "check", "doctor", "faults", "init", "plan", "report", "run", "undo"];
    for shell in ["bash", "zsh", "fish"] {
        world.run(&["completions", shell]).expect(0, &verbs);
    }
    world.run(&["man"]).expect(0, &verbs);
    std::fs::create_dir(world.folder().join("pages")).unwrap();
    world.run(&["man", "--folder", "pages"]).expect(0, &[]);
    let page = std::fs::read_to_string(world.folder().join("pages/squall-run.1")).unwrap();
    assert!(page.contains(r"\-\-records"), "{page}");
    world.run(&["man", "--folder", "none"]).expect(2, &["does the folder exist?"]);
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let world = World::new();
    let aim = Aim::new();
    world.write("good.yaml", aim.experiment());
    world.write("bad.yaml", GOOD.replace("hold: 10s", "hold: 10"));
    for (words, code) in [("faults", 0), ("plan good.yaml", 0), ("check bad.yaml", 2)] {
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = world.command(&words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Nobody reads a word of it.
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(code), "squall {words:?}");
    }
}

#[test]
fn an_idle_host_says_so() {
    let world = World::new();
    world.run(&["faults", "--armed"]).expect(0, &["Nothing is armed on this host."]);
    for _ in 0..2 {
        let said = world.run(&["undo"]).expect(0, &["Nothing was armed on this host."]);
        said.ends("exit 0, restored");
    }
    assert_eq!(world.names(), [] as [&str; 0], "no state folder is made to say so");
}
