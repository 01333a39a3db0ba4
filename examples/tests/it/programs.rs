//! Runs each program, and compares what it prints with what its caption says it prints.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fs, iter};

/// Numbers before these vary from run to run where the clock is real; tests/it/claims.rs says what must hold of them.
const VARYING: [&str; 8] =
    [" s", " ms", " times", " bytes each", " bytes of", " waiting threads", " answered", " refused"];

/// Those that only wait: on the paused clock each second of their output is certain.
macro_rules! waiting {
    ($($name:ident)*) => {
        const WAITING: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            let printed = output(program!($name), "paused");
            assert_eq!(printed, caption(stringify!($name)));
        })*
    };
}

/// Those that work with threads and sockets.
macro_rules! working {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        const WORKING: &[&str] = &[$(stringify!($name)),*];
        $($(#[$attribute])*
        #[test]
        fn $name() {
            let printed = output(program!($name), "real");
            let (printed_lines, lines) = (printed.lines().count(), caption(stringify!($name)));
            assert_eq!(printed_lines, lines.lines().count(), "{printed}");
            for (printed, line) in printed.lines().zip(lines.lines()) {
                assert!(is_like(printed, line), "printed: {printed}\ncaption: {line}");
            }
            crate::claims::$name(&printed);
        })*
    };
}

macro_rules! program {
    ($name:ident) => {
        env!(concat!("CARGO_BIN_EXE_", stringify!($name)))
    };
}

waiting! { hello coffee downloads tasks groups completed limits timeouts cancelling queues streams }
working! { blocking threads computing #[cfg(target_os = "linux")] memory diagnosis service requests pipeline }

#[test]
fn every_program_is_run() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin")).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let run: BTreeSet<String> = WAITING.iter().chain(WORKING).map(|&name| name.to_owned()).collect();
    assert_eq!(files, run);
}

/// What a program prints.
pub(crate) fn output(program: &str, clock: &str) -> String {
    let ended = Command::new(program).env(examples::CLOCK, clock).output().unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    String::from_utf8(ended.stdout).unwrap()
}

/// The text in the caption of a program's file.
fn caption(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/bin/{name}.rs"));
    let source = fs::read_to_string(file).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let text = lines.skip_while(|line| *line != " ```text").skip(1).take_while(|line| *line != " ```");
    text.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or_default())).collect()
}

/// Whether a line is as its pattern, in which `…` stands for anything.
fn is_like(line: &str, pattern: &str) -> bool {
    let (line, pattern) = (without_varying_numbers(line), without_varying_numbers(pattern));
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn without_varying_numbers(line: &str) -> String {
    let mut rest = line;
    let pieces = iter::from_fn(|| {
        let start = rest.find(|character: char| character.is_ascii_digit())?;
        let is_number = |character: char| character.is_ascii_digit() || character == '.';
        let length = rest[start..].find(|character| !is_number(character)).unwrap_or(rest.len() - start);
        let (before, number, after) = (&rest[..start], &rest[start..start + length], &rest[start + length..]);
        rest = after;
        let is_varying = VARYING.iter().any(|unit| after.starts_with(unit));
        Some(format!("{before}{}", if is_varying { "#" } else { number }))
    });
    let pieces: String = pieces.collect();
    pieces + rest
}

#[test]
fn lines_are_compared_apart_from_what_varies() {
    assert!(is_like("3 calls in 1.2 s", "3 calls in 1.0 s"));
    assert!(!is_like("4 calls in 1.2 s", "3 calls in 1.0 s"));
    assert!(is_like("at src/a.rs:12, for 110ms; more", "at …a.rs:…, for …; …"));
    assert!(!is_like("at src/a.rs:12, less", "at …a.rs:…, for …; …"));
    assert!(!is_like("a and more", "a"));
}
