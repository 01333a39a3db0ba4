//! Three coffees: each waited for at the counter, or ordered together and fetched by their tickets.
//!
//! ```text
//! One after the other: latte, mocha, espresso in 9.0 s.
//! With tickets: latte, mocha, espresso in 3.0 s.
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, scope, sleep};
use tokio::time::Instant;

const ORDERS: [&str; 3] = ["latte", "mocha", "espresso"];

async fn brew(coffee: &'static str) -> &'static str {
    sleep(3 * SECOND).await; // the machine works; the one who ordered only waits
    coffee
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    let mut served = Vec::new();
    for order in ORDERS {
        served.push(brew(order).await);
    }
    println!("One after the other: {} in {}.", served.join(", "), since(start));

    let start = Instant::now();
    let served = scope(async |counter| {
        let tickets = ORDERS.map(|order| counter.spawn(order, brew(order)));
        let mut served = Vec::new();
        for ticket in tickets {
            served.push(ticket.await?);
        }
        Ok::<_, BoxError>(served)
    })
    .await?;
    println!("With tickets: {} in {}.", served.join(", "), since(start));
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
