//! A job of ten seconds that is given two: it is cancelled, with all that it has started, and waited for.
//!
//! ```text
//! The slow job begins.
//! Given up after 2.0 s: the deadline has passed
//! The job starts two helpers.
//! Helper 1 has gone home.
//! Helper 2 has gone home.
//! Given up with its helpers after 2.0 s.
//! A job of 1 s under the same deadline: "done" after 1.0 s
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, scope, sleep, timeout};
use tokio::time::Instant;

async fn slow_job() -> &'static str {
    println!("The slow job begins.");
    sleep(10 * SECOND).await;
    "done"
}

struct Helper(u32);

impl Drop for Helper {
    fn drop(&mut self) {
        println!("Helper {} has gone home.", self.0);
    }
}

async fn job_with_helpers() -> Result<(), headcount_tasks::Error> {
    println!("The job starts two helpers.");
    scope(async |s| {
        for number in 1..=2 {
            s.spawn("helper", async move {
                let _helper = Helper(number);
                sleep(10 * SECOND).await;
            });
        }
    })
    .await
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    match timeout(2 * SECOND, slow_job()).await {
        Ok(value) => println!("{value:?} after {}", since(start)),
        Err(elapsed) => println!("Given up after {}: {elapsed}", since(start)),
    }

    let start = Instant::now();
    if timeout(2 * SECOND, job_with_helpers()).await.is_err() {
        println!("Given up with its helpers after {}.", since(start));
    }

    let start = Instant::now();
    let quick_job = async {
        sleep(SECOND).await;
        "done"
    };
    let value = timeout(2 * SECOND, quick_job).await?;
    println!("A job of 1 s under the same deadline: {value:?} after {}", since(start));
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
