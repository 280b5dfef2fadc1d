//! What the doctor says of this host, and that it leaves nothing behind.

use crate::bench::is_root;
use squall_faults::catalog::ALL;
use squall_faults::sys::{cgroup, doctor};

#[test]
fn every_need_is_tried_and_leaves_nothing() {
    if !is_root("doctor") {
        return;
    }
    for entry in ALL {
        let described = entry.fault.describe();
        for need in described.needs {
            match doctor::trial(*need) {
                Ok(how) => println!("{need:?}: {how}"),
                Err(why) => println!("SKIP what needs {need:?}: {why}"),
            }
        }
        println!("{}: {:?}", described.name, doctor::available(entry.fault));
    }
    let trees = cgroup::trees().unwrap();
    for tree in trees.iter().filter(|tree| tree.v2) {
        let left = tree.mount.join(format!("squall-doctor-{}", std::process::id()));
        assert!(!left.exists());
    }
}
