//! What the programs share: a run whose clock the tests can pause, a ticker, and HTTP clients that wait or block.

pub mod blocking_client;
pub mod client;
pub mod refused;
pub mod ticker;

use std::time::Duration;

use headcount_tasks::{Error, Outcome, Runner};
use tokio::time::Instant;

/// The unit that the programs wait in.
pub const SECOND: Duration = Duration::from_secs(1);

/// Set to `paused`, the clock stands still and jumps to the next timer when every task waits. The output is the same,
/// its seconds included, and comes at once.
pub const CLOCK: &str = "EXAMPLES_CLOCK";

/// [`headcount_tasks::run`], with a clock that can be paused from outside. A program of your own calls that one.
///
/// # Errors
/// The error or panic of `main`, or that it was interrupted.
#[track_caller]
pub fn run<F>(main: F) -> Result<<F::Output as Outcome>::Value, Error>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    let runner = Runner::new();
    match std::env::var(CLOCK).as_deref() {
        Ok("paused") => runner.paused_clock().run(main),
        _ => runner.run(main),
    }
}

/// How long ago that was, on the loop's clock: `2.0 s`.
#[must_use]
pub fn since(start: Instant) -> String {
    format!("{:.1} s", start.elapsed().as_secs_f64())
}
