//! Runs that must not begin: nothing is touched, and the word says why.

use super::day::{Day, Says};
use crate::victim::alone;
use squall_real::needs::{Need, met};
use squall_real::squall;
use squall_wire::record::Word;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

#[test]
fn a_target_that_is_absent_or_ambiguous_is_refused() {
    if !met("a_target_that_is_absent_or_ambiguous_is_refused", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let cases: &[(&str, &[&str])] = &[
        ("{pid: 4194304}", &["error[P202]"]),
        ("{port: 7}", &["error[P202]"]),
        ("{process: no-such-thing}", &["error[P202]"]),
        ("{service: no-such-service}", &["error[P202]"]),
    ];
    for (target, phrases) in cases {
        let says = Says { target: (*target).into(), ..day.says("process.pause") };
        let over = day.start(&says).end();
        over.expect(&format!("target {target}"), 2, phrases).expect_end("exit 2, refused");
    }
    // Two with one name in the file that names services.
    let pid = day.victim.pid();
    let services = day.victim.lab.scratch().join("squall.services.yaml");
    let text = format!(
        "apiVersion: squall.dev/v1\nkind: Services\nservices:\n  shop:\n    - {{name: one, pid: {pid}}}\n    - {{name: one, port: 8090}}\n"
    );
    std::fs::write(&services, text).unwrap();
    let says = Says { target: "{service: shop}".into(), ..day.says("process.pause") };
    let over = day.start(&says).end();
    let phrases =
        ["squall.services.yaml:6:14: error[S112]: two things are called \"one\"", "first"];
    over.expect("two with one name", 2, &phrases).expect_end("exit 2, bad input");
    // Every instance there is.
    let text = format!(
        "apiVersion: squall.dev/v1\nkind: Services\nservices:\n  shop:\n    - {{name: one, pid: {pid}}}\n    - {{name: two, port: 8090}}\n"
    );
    std::fs::write(&services, text).unwrap();
    let says = Says { target: "{service: shop, instances: 2}".into(), ..day.says("process.pause") };
    let over = day.start(&says).end();
    over.expect("every instance", 2, &["error[P201]"]).expect_end("exit 2, refused");
    day.assert_restored();
}

#[test]
fn without_data_or_without_the_steady_state_nothing_is_injected() {
    if !met("without_data_or_without_the_steady_state_nothing_is_injected", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let nobody = r#"- traffic: {url: "http://127.0.0.1:7/", rate: 100/s}"#;
    let silent = "sum(rate(nobody_total{result=\"ok\"}[2s])) / sum(rate(nobody_total[2s]))";
    let cases = [
        (
            "an SLI without data",
            Says { query: silent.into(), ..day.says("process.pause") },
            Word::Inconclusive,
            ["an indicator has no data before any fault", "exit 4, inconclusive"],
        ),
        (
            "a scrape that nobody answers",
            Says {
                signals: "- scrape: http://127.0.0.1:7/metrics".into(),
                query: silent.into(),
                ..day.says("process.pause")
            },
            Word::Inconclusive,
            ["an indicator has no data before any fault", "exit 4, inconclusive"],
        ),
        (
            "traffic that nobody answers",
            Says { signals: nobody.into(), ..day.says("process.pause") },
            Word::Invalid,
            ["the steady state does not hold before any fault", "exit 4, invalid"],
        ),
    ];
    for (what, says, word, phrases) in cases {
        let over = day.start(&says).end().expect(what, 4, &phrases);
        assert_eq!(over.verdict().word, word);
        over.touched_nothing();
        day.assert_restored();
    }
}

#[test]
fn whoever_is_not_root_is_told_so() {
    if !met("whoever_is_not_root_is_told_so", NEEDS) {
        return;
    }
    let _alone = alone();
    let day = Day::new();
    let open = day.victim.lab.scratch().join("open");
    std::fs::create_dir(&open).unwrap();
    let binary = open.join("squall");
    std::fs::copy(squall::binary(), &binary).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let nobody = |words: &[&str]| {
        let mut command = day.victim.lab.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&binary);
        command.args(words).current_dir(&open);
        command.env("SQUALL_STATE", open.join("state")).env_remove("SQUALL_SOCKET");
        command
    };
    let ran = squall::Ran::of(&nobody(&["agent"]).output().unwrap()).expect_code(2);
    assert!(ran.err.contains("an agent has to be root"), "{}", ran.err);
    assert!(ran.err.contains("sudo squall agent"), "{}", ran.err);
    assert!(ran.out.ends_with("exit 2, refused\n"), "{}", ran.out);
    println!("agent as nobody: exit 2\n{}{}", ran.err, ran.out);
    let file = open.join("it.yaml");
    std::fs::write(&file, day.says("process.pause").yaml()).unwrap();
    let words = ["run", "it.yaml", "--records", "records"];
    let command = nobody(&words);
    let run = day.follow(command, open.join("records"));
    let over = run.end();
    println!("{}\n{}", over.ran.err, over.ran.out);
    let phrases = ["a run has to be root", "sudo squall run it.yaml", "exit 2, refused"];
    over.expect("run as nobody", 2, &phrases).touched_nothing();
    day.assert_restored();
    let doctor = squall::Ran::of(&nobody(&["doctor"]).output().unwrap()).expect_code(0);
    assert!(doctor.out.contains("no"), "{}", doctor.out);
    println!("{}", doctor.out);
}
