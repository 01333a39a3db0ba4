//! What must hold of the numbers that the working programs print: bounds that no busy machine can break, and counts.

use std::iter;

use crate::programs::output;

/// The numbers in the line that holds this text.
fn numbers(printed: &str, text: &str) -> Vec<f64> {
    let line =
        printed.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {printed}"));
    let words = line.split(|character: char| !character.is_ascii_digit() && character != '.');
    words.filter_map(|word| word.parse().ok()).collect()
}

pub(crate) fn blocking(printed: &str) {
    let fared = |what| (numbers(printed, what)[0], numbers(printed, what)[1]);
    let (blocked, ticks_beside_blocked) = fared("that blocks the loop");
    assert!(blocked >= 6.0, "{printed}");
    for what in ["that waits", "wrapped whole"] {
        let (seconds, ticks) = fared(what);
        assert!((3.0..blocked).contains(&seconds), "{printed}");
        assert!(ticks > ticks_beside_blocked + 3.0, "{printed}");
    }
}

pub(crate) fn threads(printed: &str) {
    assert!(numbers(printed, "A thread for each")[1] < 8.0, "less than in turn: {printed}");
    assert!(numbers(printed, "A task for each")[0] < 8.0, "less than in turn: {printed}");
}

pub(crate) fn computing(printed: &str) {
    let ticks = |what| *numbers(printed, what).last().unwrap();
    assert!(ticks("On the loop") < ticks("On the pool"), "{printed}");
}

#[cfg(target_os = "linux")]
pub(crate) fn memory(printed: &str) {
    let (task, thread) = (numbers(printed, "waiting tasks")[1], numbers(printed, "waiting threads"));
    assert!(task < 3_000.0 && task < thread[1], "{printed}");
    assert!(thread[2] > 100.0 * thread[1], "a stack is mostly address space: {printed}");
}

pub(crate) fn diagnosis(printed: &str) {
    // On a busy machine the line may be found too late to be told, but not time after time.
    let again = iter::repeat_with(|| output(env!("CARGO_BIN_EXE_diagnosis"), "real"));
    let mut runs = iter::once(printed.to_owned()).chain(again).take(10);
    let told = |printed: String| printed.split_once("; it stands at ").map(|(_, line)| line.to_owned());
    // Elsewhere, and without line tables, it is never told.
    if cfg!(all(target_os = "linux", debug_assertions)) {
        let line = runs.find_map(told).expect("the line is told");
        assert!(line.contains("src/bin/diagnosis.rs:"), "{line}");
    }
}

pub(crate) fn service(printed: &str) {
    let seconds = |route| *numbers(printed, route).last().unwrap();
    assert!(seconds("/blocks") >= 3.0, "{printed}");
    assert!(seconds("/awaits") < seconds("/blocks"), "{printed}");
    assert!(seconds("/thread") < seconds("/blocks"), "{printed}");
}

pub(crate) fn requests(printed: &str) {
    // Of each line: the seconds, how many were answered, and how many refused.
    let unlimited = numbers(printed, "no limit");
    assert_eq!(unlimited[1] + unlimited[2], 50.0, "{printed}");
    // Who takes less than two rounds has asked fifty at once.
    assert!(unlimited[2] >= 1.0 || unlimited[0] >= 2.0, "{printed}");
    let limited = numbers(printed, "a second, ten at a time");
    assert!(limited[0] >= 5.0 && limited[1] == 50.0 && limited[2] == 0.0, "{printed}");
}

pub(crate) fn pipeline(printed: &str) {
    assert!(printed.contains("11 with a title, 1 with an error"), "{printed}");
}
