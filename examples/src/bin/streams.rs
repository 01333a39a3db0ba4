//! A countdown as a stream, and a resource that is closed on the way out, however the block is left.
//!
//! ```text
//! 5 …
//! 4 …
//! 3 …
//! 2 …
//! 1 …
//! Lift-off after 2.5 s!
//! The line is open.
//!   used for a second
//! The line is closed.
//! The line is open.
//!   too much noise
//! The line is closed.
//! What came out: Err("noise")
//! The line is open.
//! The line is closed.
//! Given up after 1.5 s: cancelled
//! ```

use std::time::Duration;

use examples::{SECOND, since};
use futures_util::{Stream, StreamExt, stream};
use headcount_tasks::{BoxError, Cancelled, sleep, timeout, until_cancelled};
use tokio::time::Instant;

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// Each value, then half a second; what a generator does with `yield`.
fn countdown(from: u32) -> impl Stream<Item = u32> {
    stream::unfold(from, move |left| async move {
        if left < from {
            sleep(HALF_A_SECOND).await;
        }
        (left > 0).then(|| (left, left - 1))
    })
}

/// What a body of `async with` works on.
struct Line;

impl Line {
    async fn use_for(&self, duration: Duration) {
        sleep(duration).await;
    }

    /// Closing takes a farewell, and so an await. What can be closed without one does it in `Drop`.
    async fn close(self) {
        sleep(HALF_A_SECOND).await;
        println!("The line is closed.");
    }
}

/// `async with`: opens, lends to the body, and closes, whether the body ends, fails, or is cancelled.
async fn with_line<T>(body: impl AsyncFnOnce(&Line) -> T) -> Result<T, Cancelled> {
    let line = Line;
    println!("The line is open.");
    let result = until_cancelled(body(&line)).await;
    line.close().await;
    result
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    let mut numbers = std::pin::pin!(countdown(5));
    while let Some(number) = numbers.next().await {
        println!("{number} …");
    }
    println!("Lift-off after {}!", since(start));

    with_line(async |line| {
        line.use_for(SECOND).await;
        println!("  used for a second");
    })
    .await?;

    let result = with_line(async |_line| {
        println!("  too much noise");
        Err::<(), _>("noise")
    });
    println!("What came out: {:?}", result.await?);

    let start = Instant::now();
    let hangs = with_line(async |line| line.use_for(60 * SECOND).await);
    // It was asked to end, and came to its own end by way of closing: the deadline gives what it returned.
    if let Ok(Err(cancelled)) = timeout(SECOND, hangs).await {
        println!("Given up after {}: {cancelled}", since(start));
    }
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
