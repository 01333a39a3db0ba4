//! Computing ten million squares on the loop, on the pool with a thread a core, and there in parts.
//!
//! A ticker shows whether the loop goes on. The sum needs more than 64 bits: Rust says so, where Python quietly takes
//! more.
//!
//! ```text
//! In 64 bits: overflow
//! On the loop: 333333283333335000000 in 114 ms; the ticker ticked 0 times
//! On the pool: 333333283333335000000 in 123 ms; the ticker ticked 57 times
//! In 4 parts on the pool: 333333283333335000000 in 60 ms; the ticker ticked 29 times
//! ```

use std::hint::black_box;
use std::time::Duration;

use examples::ticker::beside_a_ticker;
use headcount_tasks::{Error, compute, gather};
use tokio::time::Instant;

const N: u64 = 10_000_000;

fn sum_of_squares(below: u64, part: u64, parts: usize) -> u128 {
    (part..below).step_by(parts).map(|i| u128::from(black_box(i)).pow(2)).sum()
}

fn in_64_bits(below: u64) -> Option<u64> {
    (0..below).try_fold(0_u64, |sum, i| sum.checked_add(i * i))
}

/// Computes beside a ticker of 1 ms, and tells how both fared.
async fn tell(what: &str, sum: impl Future<Output = Result<u128, Error>>) -> Result<(), Error> {
    let start = Instant::now();
    let (sum, ticks) = beside_a_ticker(Duration::from_millis(1), sum).await?;
    println!("{what}: {sum} in {} ms; the ticker ticked {ticks} times", start.elapsed().as_millis());
    Ok(())
}

async fn program() -> Result<(), Error> {
    match in_64_bits(N) {
        Some(sum) => println!("In 64 bits: {sum}"),
        None => println!("In 64 bits: overflow"),
    }
    tell("On the loop", async { Ok(sum_of_squares(N, 0, 1)) }).await?;

    tell("On the pool", compute("squares", || sum_of_squares(N, 0, 1))).await?;

    let parts = gather((0..4).map(|part| compute("squares", move || sum_of_squares(N, part, 4))));
    tell("In 4 parts on the pool", async { Ok(parts.await?.into_iter().sum()) }).await
}

fn main() -> Result<(), Error> {
    examples::run(program())
}
