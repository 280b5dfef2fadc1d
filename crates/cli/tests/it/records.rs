//! Records that are whole, torn, strange or no records at all.

use crate::world::World;

const RECORD: &str = include_str!("../../../wire/vectors/record.v1.jsonl");

#[test]
fn every_format_of_a_whole_record() {
    let world = World::new();
    world.write("record.jsonl", RECORD);
    let formats = [
        ("text", "payment-slow"),
        ("json", "\"payment-slow\""),
        ("junit", "<testsuite"),
        ("markdown", "payment-slow"),
        ("html", "<!doctype html>"),
    ];
    for (format, phrase) in formats {
        let said = world.run(&["report", "record.jsonl", "--format", format]);
        said.expect(0, &[phrase]).ends("exit 0, fine");
    }
    let said = world.run(&["report", ".", "--format", "html", "--to", "page.html"]);
    said.expect(0, &["wrote page.html"]).ends("exit 0, fine");
    assert!(world.folder().join("page.html").exists());
    let said = world.run(&["report", ".", "--to", "none/page.html"]);
    said.expect(2, &["cannot write none/page.html"]).ends("exit 2, bad input");
    world.run(&["report", ".", "--format", "pdf"]).expect(2, &["pdf", "junit"]);
}

#[test]
fn the_torn_record_of_a_killed_run_is_read_to_its_tear() {
    let world = World::new();
    // Cut in the middle of a line after the fault was in place.
    let lines: Vec<&str> = RECORD.lines().take(13).collect();
    let whole = lines.join("\n");
    world.write("record.jsonl", &whole[..whole.len() - 20]);
    for format in ["text", "json", "junit", "markdown", "html"] {
        let said = world.run(&["report", ".", "--format", format]);
        said.expect(0, &["payment-slow"]).ends("exit 0, fine");
    }
    let said = world.run(&["report", "."]).expect(0, &[]);
    println!("{}", said.out);
}

#[test]
fn what_is_no_record_says_so() {
    let world = World::new();
    let check = |bytes: &[u8], phrase: &str| {
        world.write("it", bytes);
        let said = world.run(&["report", "it"]);
        said.expect(2, &["error: it: ", phrase, "records are written by squall run"])
            .ends("exit 2, bad input");
    };
    check(b"", "the record is empty");
    check(b"\xff\xfe\x00 garbage", "is this a record.jsonl?");
    check(b"{\"v\":99}\n", "format version 99");
    let swapped: Vec<&str> = RECORD.lines().rev().collect();
    check(swapped.join("\n").as_bytes(), "it was edited");
    let said = world.run(&["report", "none"]);
    said.expect(2, &["cannot read none", "the folder of a run below .squall/"]);
}
