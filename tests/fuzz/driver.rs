//! What `make fuzz` runs: libFuzzer, on the target that `FUZZ_TARGET` names.

#![no_main]
#![expect(dead_code, reason = "no target needs all of the harness")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target tells what it finds by panicking"
)]

#[path = "mod.rs"]
mod fuzz;
#[path = "../service/harness/mod.rs"]
mod harness;

use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET");
    let target = fuzz::TARGETS.iter().find(|(target, _)| *target == name);
    target.expect("a target of these").1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| RUN(bytes));
