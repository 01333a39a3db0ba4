//! The target `journal` for cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headcount_fuzz::journal(data));
