//! A loop cancelled after three seconds that cleans up; one that will not end; work that no cancelling reaches.
//!
//! ```text
//! working
//! working
//! working
//! working
//! cleaning up
//! cancelled after 3.5 s
//! The stubborn task hears of it, and goes on.
//! It was dropped when its grace was over, after 1.0 s.
//! The order is being booked.
//! The order is booked.
//! The customer left after 1.0 s.
//! ```

use std::time::Duration;

use examples::{SECOND, since};
use headcount_tasks::{BoxError, scope, shield, sleep, until_cancelled, yield_now};
use tokio::time::Instant;

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// The error says that the task was cancelled. Returned with `?` or as it is, the task ends as cancelled.
async fn work_until_cancelled() -> Result<(), headcount_tasks::Cancelled> {
    let work = async {
        loop {
            println!("working");
            sleep(Duration::from_millis(800)).await;
        }
    };
    let cancelled: Result<(), _> = until_cancelled(work).await;
    println!("cleaning up");
    sleep(HALF_A_SECOND).await; // cleaning up may wait too, for as long as the grace lasts
    cancelled
}

async fn stubborn() {
    loop {
        if until_cancelled(sleep(60 * SECOND)).await.is_err() {
            println!("The stubborn task hears of it, and goes on.");
        }
    }
}

async fn order() -> Result<(), headcount_tasks::Error> {
    shield("booking", async {
        println!("The order is being booked.");
        sleep(SECOND).await;
        println!("The order is booked.");
    })
    .await?;
    sleep(60 * SECOND).await; // not shielded: here the cancelled customer leaves
    Ok(())
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    scope(async |s| {
        let worker = s.spawn("worker", work_until_cancelled());
        sleep(3 * SECOND).await;
        worker.cancel();
        if worker.await.is_err_and(|error| error.is_cancelled()) {
            println!("cancelled after {}", since(start));
        }
    })
    .await?;

    scope(async |s| {
        s.set_grace(SECOND); // five seconds unless set
        let task = s.spawn("stubborn", stubborn());
        yield_now().await;
        let asked = Instant::now();
        task.cancel();
        let _cancelled = task.await;
        println!("It was dropped when its grace was over, after {}.", since(asked));
    })
    .await?;

    scope(async |s| {
        let customer = s.spawn("customer", order());
        yield_now().await;
        let asked = Instant::now();
        customer.cancel();
        if customer.await.is_err_and(|error| error.is_cancelled()) {
            println!("The customer left after {}.", since(asked));
        }
    })
    .await?;
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
