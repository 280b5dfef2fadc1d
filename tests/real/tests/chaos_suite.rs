//! The shop's own `go test -run ChaosSuite`, against a real shop, a real agent and this binary.

use crate::victim::alone;
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::squall::{binary, command, shop};
use squall_real::until::until;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];
const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_shops_chaos_suite_passes_and_says_what_broke() {
    if !met("the_shops_chaos_suite_passes_and_says_what_broke", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut lab = Lab::new();
    let state = lab.scratch().join("state");
    let socket = format!("SQUALL_AGENT={}", state.join("sdk.sock").display());
    let program = |name: &str| shop().join(name).to_str().unwrap().to_owned();
    lab.start("inventory", Path::new(&program("inventory")), &[]);
    lab.start("payment-1", Path::new(&program("payment")), &["-port", "8083"]);
    lab.start("payment-2", Path::new(&program("payment")), &["-port", "8084"]);
    lab.start("order", "env".as_ref(), &[&socket, &program("order")]);
    lab.start("gateway", Path::new(&program("gateway")), &[]);
    for port in [8080, 8081, 8083, 8084] {
        lab.wait_http(&format!("http://127.0.0.1:{port}/healthz"));
    }
    let mut agent = command(&lab, &["agent"]).stdin(Stdio::null()).spawn().unwrap();
    until("order registers", SOON, || {
        let targets = command(&lab, &["targets"]).output().ok()?;
        String::from_utf8_lossy(&targets.stdout).contains("order").then_some(())
    });
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/shop/suite");
    let wrap = lab.command("true");
    let words: Vec<_> = wrap.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let enter = format!("nsenter {}", words[..words.len() - 1].join(" "));
    // The tests themselves run where the shop is, so that their own load reaches it.
    let mut go = Command::new("go");
    go.args(["test", "-count=1", "-tags", "chaos", "-run", "ChaosSuite", "-v", "-exec", &enter])
        .arg("./...")
        .current_dir(&suite)
        .env("GOWORK", "off")
        .env("SQUALL_BIN", binary())
        .env("SQUALL_STATE", &state)
        .env("SQUALL_SOCKET", lab.scratch().join("run/agent.sock"))
        .env("SHOP_URL", "http://127.0.0.1:8080/healthz");
    let output = go.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    drop(agent.kill());
    drop(agent.wait());
    // Records lie where the suite was run, as a person would find them.
    drop(std::fs::remove_dir_all(suite.join(".squall")));
    assert!(output.status.success(), "the suite passes");
    for name in ["TestChaosSuite/order-late", "TestChaosSuiteSaysWhatBroke"] {
        assert!(said.contains(&format!("--- PASS: {name}")), "{name} ran");
    }
}
