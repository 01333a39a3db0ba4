//! First come, first served: results as they come, and the first of several mirrors that succeeds.
//!
//! ```text
//! As completed: 3 after 1.0 s
//! As completed: 2 after 2.0 s
//! As completed: 1 after 3.0 s
//! Mirrors:
//!   the first is down
//!   the third is given up
//! The second mirror's file, after 2.0 s.
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, as_completed, race, sleep, until_cancelled};
use tokio::time::Instant;

/// The greater the number, the sooner it is there.
async fn number(number: u32) -> u32 {
    sleep((4 - number) * SECOND).await;
    number
}

async fn mirror((name, seconds): (&'static str, u32)) -> Result<String, BoxError> {
    if let Err(cancelled) = until_cancelled(sleep(seconds * SECOND)).await {
        println!("  the {name} is given up");
        return Err(cancelled.into());
    }
    if name == "first" {
        println!("  the first is down");
        return Err("down".into());
    }
    Ok(format!("The {name} mirror's file"))
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    let mut numbers = as_completed([1, 2, 3].map(number));
    while let Some(number) = numbers.next().await {
        println!("As completed: {} after {}", number?, since(start));
    }

    println!("Mirrors:");
    let start = Instant::now();
    let file = race([("first", 1), ("second", 2), ("third", 3)].map(mirror)).await?;
    println!("{file}, after {}.", since(start));
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
