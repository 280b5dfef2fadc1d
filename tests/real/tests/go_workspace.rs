//! `squall init go`: the workspace builds, its isolation test passes, and its suite runs.

use crate::victim::alone;
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::squall::{binary, command};
use squall_real::until::until;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
const SOON: Duration = Duration::from_secs(20);

fn go(folder: &Path, words: &[&str]) -> (bool, String) {
    let mut go = Command::new("go");
    go.args(words).current_dir(folder).env("GOWORK", "off").env("GOFLAGS", "-mod=mod");
    let output = go.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_go_workspace_builds_keeps_its_modules_apart_and_runs_its_suite() {
    if !met("a_go_workspace_builds_keeps_its_modules_apart_and_runs_its_suite", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut lab = Lab::new();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/go");
    let init = ["init", "go", "--sdk", sdk.to_str().unwrap()];
    let made = squall_real::squall::run(&lab, &init);
    assert_eq!(made.code, 0, "{made:?}");
    let again = squall_real::squall::run(&lab, &init);
    assert_eq!(again.code, 2, "nothing is overwritten: {again:?}");
    let work = lab.scratch().join("chaos-work");
    let (controller, service) = (work.join("controller"), work.join("target-service"));
    for folder in [&controller, &service] {
        let (ok, said) = go(folder, &["mod", "tidy"]);
        assert!(ok, "{said}");
    }
    let (ok, said) = go(&service, &["build", "-buildvcs=false", "-o", "target-service", "."]);
    assert!(ok, "{said}");
    let (ok, said) = go(&controller, &["test", "-count=1", "-v", "./..."]);
    assert!(ok && said.contains("--- PASS: TestARaisedVersionStaysInItsModule"), "{said}");

    let state = lab.scratch().join("state");
    let socket = format!("SQUALL_AGENT={}", state.join("sdk.sock").display());
    let program = service.join("target-service");
    lab.start("target-service", "env".as_ref(), &[&socket, program.to_str().unwrap()]);
    lab.wait_http("http://127.0.0.1:8090/");
    let mut agent = command(&lab, &["agent"]).stdin(Stdio::null()).spawn().unwrap();
    until("the service registers", SOON, || {
        let targets = command(&lab, &["targets"]).output().ok()?;
        String::from_utf8_lossy(&targets.stdout).contains("target-service").then_some(())
    });
    let words: Vec<_> =
        lab.command("true").get_args().map(|w| w.to_string_lossy().into_owned()).collect();
    let enter = format!("nsenter {}", words[..words.len() - 1].join(" "));
    let mut suite = Command::new("go");
    suite
        .args(["test", "-count=1", "-tags", "chaos", "-run", "ChaosSuite", "-v", "-exec", &enter])
        .arg("./...")
        .current_dir(&controller)
        .env("GOWORK", "off")
        .env("SQUALL_BIN", binary())
        .env("SQUALL_STATE", &state)
        .env("SQUALL_SOCKET", lab.scratch().join("run/agent.sock"));
    let output = suite.output().unwrap();
    drop(agent.kill());
    drop(agent.wait());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("--- PASS: TestChaosSuite/late"), "{said}");
}
