//! The target that `SQUALL_FUZZ` names, under libFuzzer: `cargo xtask fuzz` builds and runs it.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use squall_fuzz::Target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SQUALL_FUZZ").unwrap_or_default();
    squall_fuzz::find(&name).unwrap_or_else(|| panic!("SQUALL_FUZZ names no target: {name:?}"))
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| (TARGET.run)(input));
