//! Tests: the clock stands still and jumps from timer to timer, and ready tasks are picked at
//! random, the same way for the same seed. Races that a machine shows once a month show here.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::outcome::Outcome;
use crate::report::{Report, to_standard_error};
use crate::runner::Runner;

/// How many seeds [`check`] tries unless told otherwise.
const SEEDS: u64 = 32;

/// Runs the future that `make` gives under many seeds, 32 unless `HEADCOUNT_SEEDS` says otherwise,
/// with a paused clock. When one fails, its seed is printed; `HEADCOUNT_SEED` runs that one alone.
///
/// # Panics
/// When the future panics, returns an error or comes to a deadlock.
pub fn check<M, F>(mut make: M)
where
    M: FnMut() -> F,
    F: Future + 'static,
    F::Output: Outcome,
{
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("HEADCOUNT_SEED") {
        Some(seed) => check_seed(seed, make()),
        None => (0..number("HEADCOUNT_SEEDS").unwrap_or(SEEDS)).for_each(|seed| check_seed(seed, make())),
    }
}

/// Runs one future under one seed; see [`check`].
///
/// # Panics
/// When the future panics, returns an error or comes to a deadlock.
pub fn check_seed<F>(seed: u64, main: F)
where
    F: Future + 'static,
    F::Output: Outcome,
{
    let on_report = |report: &Report| match report {
        // Left alone, the test would wait for ever.
        Report::Deadlock(_) => panic!("{report}"),
        _ => to_standard_error(&report.to_string()),
    };
    let runner = Runner::new().signals(false).tree_signal(false).debug(true).on_report(on_report);
    let runner = runner.paused_clock().seed(seed);
    let run = AssertUnwindSafe(|| {
        if let Err(error) = runner.run(main) {
            panic!("{error}");
        }
    });
    if let Err(payload) = catch_unwind(run) {
        to_standard_error(&format!("failed with HEADCOUNT_SEED={seed}"));
        resume_unwind(payload);
    }
}
