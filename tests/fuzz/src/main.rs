//! A fuzzer for everything that imagegen reads of what others wrote. `IMAGEGEN_FUZZ` names the target; all else is
//! libFuzzer's own.

#![no_main]

mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("IMAGEGEN_FUZZ").unwrap_or_default();
        let known = targets::TARGETS.iter().find(|(known, _)| *known == name);
        known.unwrap_or_else(|| panic!("IMAGEGEN_FUZZ is none of the targets")).1
    });
    target(bytes);
});
