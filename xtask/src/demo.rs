//! The demo: one experiment on a real shop, twice. As shipped the shop waits on payment without a
//! deadline, so the hypothesis is refuted; with `ORDER_PAYMENT_TIMEOUT` set the same file holds.

mod shop;
mod sweep;

use crate::{command, setup, tree};
use shop::Shop;
pub(crate) use shop::{build as build_shop, build_instrumented, folder as shop_folder, go};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
pub(crate) use sweep::sweep;

/// The file that both runs use.
const EXPERIMENT: &str = "examples/payment-slow.yaml";
/// The one setting that makes the difference.
const MENDED: (&str, &str) = ("ORDER_PAYMENT_TIMEOUT", "120ms");

/// One of the two runs: what is told about it and how it must end.
struct Act {
    title: &'static str,
    env: &'static [(&'static str, &'static str)],
    exit: i32,
    word: &'static str,
}

const ACTS: [Act; 2] = [
    Act {
        title: "the shop as shipped: order waits on payment without a deadline",
        env: &[],
        exit: 1,
        word: "refuted",
    },
    Act {
        title: "the same file, with ORDER_PAYMENT_TIMEOUT=120ms set for order",
        env: &[MENDED],
        exit: 0,
        word: "held",
    },
];

/// Builds everything, runs both acts, and ends all it started whatever happens.
pub(crate) fn run() -> Result<(), String> {
    println!("demo: looking at what this machine has");
    setup::ensure(&setup::DEMO)?;
    if !setup::root() {
        return Err("the demo makes a network namespace: please run it as root".to_owned());
    }
    let squall = build_squall()?;
    build_shop()?;
    let mut shop = Shop::open()?;
    let outcome = acts(&mut shop, &squall);
    let closed = shop.close();
    let files = outcome?;
    closed?;
    println!(
        "demo: as told: {}",
        ACTS.map(|a| format!("{} (exit {})", a.word, a.exit)).join(", then ")
    );
    files.iter().for_each(|file| println!("demo: report {file}"));
    Ok(())
}

/// The release build, since a debug one takes more of two cores than the shop does.
fn build_squall() -> Result<PathBuf, String> {
    println!("demo: building squall");
    command::run(command::cargo().args(["build", "--release", "--package", "squall-cli"]))?;
    Ok(tree::target().join("release/squall"))
}

/// Both runs; the paths of their reports.
fn acts(shop: &mut Shop, squall: &Path) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    shop.order(ACTS[0].env)?;
    println!("\ndemo: the dry run touches nothing and says whether the traffic can decide");
    let mut plan = shop.inside(squall);
    command::run(plan.args(["plan", EXPERIMENT]).current_dir(tree::root()))?;
    for (number, act) in ACTS.iter().enumerate() {
        println!("\ndemo: {} of {}: {}", number + 1, ACTS.len(), act.title);
        shop.order(act.env)?;
        let (exit, reports) = experiment(shop, squall)?;
        if exit != Some(act.exit) {
            let said = exit.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            return Err(format!(
                "expected {} (exit {}), but it ended by {said}",
                act.word, act.exit
            ));
        }
        files.extend(reports);
    }
    Ok(files)
}

/// One `squall run` inside the namespace. It has the terminal for itself, so that it can still say
/// how it ended when the demo is stopped.
fn experiment(shop: &mut Shop, squall: &Path) -> Result<(Option<i32>, Vec<String>), String> {
    let before = reports();
    let mut run = shop.inside(squall);
    run.args(["run", EXPERIMENT]).current_dir(tree::root()).env("SQUALL_STATE", shop.state());
    println!("demo: {}", command::line(&run));
    let mut child = run.spawn().map_err(|e| format!("squall did not start: {e}"))?;
    shop.wait_for(child.id())?;
    let status = child.wait().map_err(|e| format!("squall: {e}"))?;
    Ok((status.code(), reports().difference(&before).cloned().collect()))
}

/// The reports there are, by their paths from the root.
fn reports() -> BTreeSet<String> {
    let Ok(runs) = std::fs::read_dir(tree::root().join(".squall")) else { return BTreeSet::new() };
    runs.filter_map(|run| Some(run.ok()?.path().join("report.html")))
        .filter(|report| report.is_file())
        .map(|report| report.strip_prefix(tree::root()).unwrap_or(&report).display().to_string())
        .collect()
}
