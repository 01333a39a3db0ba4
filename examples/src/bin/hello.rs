//! Greet, wait, part: what `async fn`, `await` and `run` do, and that a future does nothing until it is awaited.
//!
//! ```text
//! The greeting is made; nobody has said anything.
//! Good morning, Ada!
//! Goodbye, Ada!
//! It took 1.0 s.
//! A run within a run: `run` was called inside a running event loop, ours or tokio's: await the future instead, or use a thread of its own
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, sleep};
use tokio::time::Instant;

async fn greet(name: &str) {
    println!("Good morning, {name}!");
    sleep(SECOND).await; // other tasks run meanwhile; here there are none
    println!("Goodbye, {name}!");
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    let greeting = greet("Ada");
    println!("The greeting is made; nobody has said anything.");
    greeting.await;
    println!("It took {}.", since(start));

    if let Err(refusal) = headcount_tasks::run(greet("Bob")) {
        println!("A run within a run: {refusal}");
    }
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
