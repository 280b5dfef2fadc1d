//! Disks that are full: no receipt, no fault; no record, and the run still restores.

use super::day::{Day, Says};
use crate::victim::alone;
use squall_real::needs::{Need, met};
use std::path::Path;
use std::process::{Command, Stdio};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

/// Runs the words in a mount namespace of their own, with a small disk at a folder that has only
/// so many bytes left.
fn on_a_small_disk(day: &Day, folder: &Path, bytes_left: u32, words: &[String]) -> Command {
    let whole = day.squall(&[]);
    let script = "mount -t tmpfs -o size=256k,mode=0700 tmpfs \"$0\" && \
                  head -c $((256*1024-$1)) /dev/zero > \"$0/full\"; shift; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(folder).arg(bytes_left.to_string());
    command.arg(whole.get_program()).args(whole.get_args()).args(words);
    let set = whole.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(set).current_dir(day.victim.lab.scratch()).stdin(Stdio::null());
    command
}

#[test]
fn without_room_for_a_receipt_nothing_is_touched() {
    if !met("without_room_for_a_receipt_nothing_is_touched", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = day.says("process.pause");
    let (words, records) = day.words(&says);
    let state = day.victim.lab.scratch().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let command = on_a_small_disk(&day, &state, 0, &words);
    let over = day.follow(command, records).end();
    println!("{}", over.ran.out);
    let phrases = [
        "the receipt cannot be written: No space left on device",
        "make room on the disk",
        "exit 2, refused",
    ];
    over.expect("journal on a full disk", 2, &phrases).touched_nothing();
    day.assert_restored();
}

#[test]
fn without_room_for_the_record_the_run_goes_on_and_restores() {
    if !met("without_room_for_the_record_the_run_goes_on_and_restores", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut day = Day::new();
    let says = Says { hold: "2s", ..day.says("process.pause") };
    let (words, records) = day.words(&says);
    std::fs::create_dir_all(&records).unwrap();
    // Room for the first lines only.
    let command = on_a_small_disk(&day, &records, 8192, &words);
    let over = day.follow(command, records).end();
    println!("{}\n{}", over.ran.err, over.ran.out);
    let phrases = ["the record cannot be written: No space left on device", "exit 0, held"];
    let over = over.expect("record on a full disk", 0, &phrases);
    assert!(over.ran.err.contains("process.pause"), "the fault was on: {}", over.ran.err);
    day.assert_restored();
}
