//! Files that are wrong: each gets a clear word, a help, exit code 2, and touches nothing.

use crate::world::{GOOD, World};

/// Checks one file with each verb that reads it; none may touch anything.
#[track_caller]
fn check(text: impl AsRef<[u8]>, phrases: &[&str]) {
    let world = World::new();
    world.write("it.yaml", text);
    for verb in ["check", "plan", "run"] {
        let said = world.run(&[verb, "it.yaml"]).expect(2, phrases).ends("exit 2, bad input");
        // How many there are stands below them; only a file that is no text has none to count.
        let counts = said.err.contains("error[");
        assert_eq!(counts, said.err.contains(" in it.yaml\n"), "{said:#?}");
        assert_eq!(world.names(), ["it.yaml"], "squall {verb} left something behind");
    }
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    check(
        GOOD.replace("pid:", "prot:"),
        &["it.yaml:16:16: error[S104]: unknown key \"prot\"", "did you mean \"port\"?"],
    );
}

#[test]
fn a_number_without_a_unit_and_a_wrong_unit_are_told_at_once() {
    let text = GOOD.replace("hold: 10s", "hold: 10").replace("every: 1s", "every: 1 parsec");
    check(
        text,
        &[
            "it.yaml:17:13: error[S107]: 10 has no unit",
            "= help: 10s or 10ms",
            "it.yaml:13:34: error",
        ],
    );
}

#[test]
fn a_bound_that_no_value_meets_is_refused() {
    check(
        GOOD.replace(">= 99%", ">= 101%"),
        &["error[S203]: a share cannot exceed 100%", "no value can satisfy this"],
    );
}

#[test]
fn an_unknown_fault_is_shown_with_the_one_that_was_meant() {
    check(GOOD.replace("process.pause", "process.puase"), &["process.puase", "process.pause"]);
}

#[test]
fn a_file_that_is_no_text_or_too_long_says_so() {
    check(b"\xff\xfe spec", &["it is not UTF-8", "save it as UTF-8"]);
    let padding = "# ten megabytes of this\n".repeat((10 << 20) / 24);
    check(format!("{GOOD}{padding}"), &["error[S101]", "1048576 is the most"]);
    check(vec![b'x'; 17 << 20], &["it is longer than 16 MiB", "is this the right file?"]);
    check("", &["error["]);
}

#[test]
fn a_file_of_another_kind_is_told_as_one_error() {
    let services = "apiVersion: squall.dev/v1\nkind: Services\nservices: {a: [{port: 1}]}\n";
    let world = World::new();
    world.write("it.yaml", services);
    let phrases =
        ["it.yaml:2:7: error[S110]: this is a file of kind Services", "--services", "1 error in"];
    world.run(&["check", "it.yaml"]).expect(2, &phrases);
    world.write("good.yaml", GOOD);
    let phrases = ["error[S110]: this is a file of kind Experiment, not Policy", "1 error in"];
    world.run(&["check", "good.yaml", "--policy", "good.yaml"]).expect(2, &phrases);
}

#[test]
fn no_time_between_two_scrapes_is_refused_with_the_range() {
    let world = World::new();
    for (time, why) in [
        ("0s", "from 1ms to 5m"),
        ("6m", "from 1ms to 5m"),
        ("15", "no unit"),
        ("0", "from 1ms to 5m"),
    ] {
        for words in [["check", "--scrape"], ["eval", "--every"]] {
            let all = ["sla", words[0], "a.sla", words[1], time];
            world.run(&all).expect(2, &[why, "DURATION"]).ends("exit 2, bad input");
        }
    }
}

#[test]
fn a_missing_file_says_so() {
    let world = World::new();
    for verb in ["check", "plan", "run"] {
        let said = world.run(&[verb, "none.yaml"]);
        let phrases = ["cannot read none.yaml: No such file or directory", "check the path"];
        said.expect(2, &phrases).ends("exit 2, bad input");
    }
    world.run(&["check", "none"]).expect(2, &["`squall init` to make one"]);
    world.run(&["check", "."]).expect(2, &["Is a directory"]);
    assert_eq!(world.names(), [] as [&str; 0]);
}

#[test]
fn mistakes_in_the_files_beside_it_are_told_in_the_same_breath() {
    let world = World::new();
    world.write("it.yaml", GOOD.replace("hold: 10s", "hold: 10"));
    world
        .write("squall.services.yaml", "apiVersion: squall.dev/v1\nkind: Services\nservcies: {}\n");
    let said = world.run(&["check", "it.yaml"]);
    said.expect(2, &["it.yaml:17:13: error[S107]", "squall.services.yaml:3:1: error"]);
}

#[test]
fn a_target_that_is_not_there_is_refused_and_nothing_is_made() {
    let world = World::new();
    world.write("it.yaml", GOOD);
    for verb in ["plan", "run"] {
        let said = world.run(&[verb, "it.yaml"]);
        said.expect(2, &["error[P2", "4194304"]).ends("exit 2, refused");
    }
    assert_eq!(world.names(), ["it.yaml"]);
}

#[test]
fn init_never_overwrites() {
    let world = World::new();
    let phrases = ["made ./experiment.yaml", "made ./squall.services.yaml", "squall check"];
    world.run(&["init"]).expect(0, &phrases).ends("exit 0, done");
    world.write("experiment.yaml", "mine");
    let phrases = ["experiment.yaml is already there", "nothing is overwritten"];
    world.run(&["init"]).expect(2, &phrases).ends("exit 2, refused");
    let kept = std::fs::read_to_string(world.folder().join("experiment.yaml")).unwrap();
    assert_eq!(kept, "mine");
    world.run(&["init", "new/folder"]).expect(0, &["made new/folder/experiment.yaml"]);
    world.run(&["check", "new/folder/experiment.yaml"]).expect(0, &["1 fault, 1 indicator"]);
}

#[test]
fn a_wrong_command_line_says_so() {
    let world = World::new();
    world.run(&["chekc"]).expect(2, &["chekc", "check"]).ends("exit 2, bad input");
    world.run(&["check"]).expect(2, &["<FILE>"]).ends("exit 2, bad input");
    world.run(&["faults", "net.refsue"]).expect(2, &["did you mean net.refuse?"]);
    world.run(&[]).expect(2, &["Usage: squall"]);
    world.run(&["--help"]).expect(0, &["Exit codes: 0 held or done"]);
    world.run(&["--version"]).expect(0, &["squall 0."]);
}
