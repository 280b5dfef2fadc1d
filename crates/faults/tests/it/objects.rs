//! The checked-in BPF objects are what their sources compile to.

use std::path::Path;
use std::process::Command;

#[test]
fn objects_are_fresh_where_the_compiler_is_at_hand() {
    let clang = Command::new("clang").arg("--version").output();
    // Other versions make other bytes from the same source.
    let version = clang.map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    if !version.is_ok_and(|text| text.contains("clang version 14.")) {
        println!("SKIP objects are fresh: needs clang 14");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = tempfile::tempdir().unwrap();
    let status = Command::new(root.join("bpf-build.sh")).arg(built.path()).status().unwrap();
    assert!(status.success());
    let mut compared = 0;
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let committed = entry.unwrap().path();
            if committed.is_dir() {
                folders.push(committed);
            } else if committed.to_string_lossy().ends_with(".bpf.o") {
                let below = committed.strip_prefix(root.join("src")).unwrap();
                let fresh = built.path().join(below.to_string_lossy().replace('/', "."));
                let same = std::fs::read(&committed).unwrap() == std::fs::read(fresh).unwrap();
                assert!(same, "{} is stale: run crates/faults/bpf-build.sh", committed.display());
                compared += 1;
            }
        }
    }
    assert_eq!(compared, std::fs::read_dir(built.path()).unwrap().count());
}
