//! One producer and three consumers, with `join` and `close`; and a bounded queue that is filled too early.
//!
//! Nobody needs a sentinel: once a queue is closed and empty, `get` gives `None`. A bounded queue that is filled before
//! anybody takes from it waits for ever.
//!
//! ```text
//! 20 jobs of half a second by 3 consumers: 3.5 s
//!   consumer 0 did 7
//!   consumer 1 did 7
//!   consumer 2 did 6
//! Filled before its consumers start: stuck with 4 of 20 in the queue
//! Consumers first: all 20 done
//! ```

use std::time::Duration;

use examples::{SECOND, since};
use headcount_tasks::{BoxError, Queue, scope, sleep, timeout};
use tokio::time::Instant;

const JOBS: u32 = 20;

async fn produce(queue: &Queue<u32>) -> Result<(), BoxError> {
    for job in 0..JOBS {
        queue.put(job).await?; // waits while the queue is full: a slow consumer slows the producer
    }
    Ok(())
}

/// How many it did.
async fn consume(queue: Queue<u32>) -> u32 {
    let mut done = 0;
    while let Some(_job) = queue.get().await {
        sleep(Duration::from_millis(500)).await;
        done += 1;
    } // a job counts as done when its item is dropped, here or on the way out of a failure
    done
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    let queue = Queue::new("jobs", 4);
    let done = scope(async |s| {
        let consumers = [0, 1, 2].map(|number| s.spawn(("consumer", number), consume(queue.clone())));
        produce(&queue).await?;
        queue.join().await; // every job is done
        queue.close(); // so `get` gives `None`, and the consumers end
        let mut done = Vec::new();
        for consumer in consumers {
            done.push(consumer.await?);
        }
        Ok::<_, BoxError>(done)
    })
    .await?;
    println!("{JOBS} jobs of half a second by 3 consumers: {}", since(start));
    for (number, done) in done.into_iter().enumerate() {
        println!("  consumer {number} did {done}");
    }

    let queue = Queue::new("jobs", 4);
    if timeout(SECOND, produce(&queue)).await.is_err() {
        println!("Filled before its consumers start: stuck with {} of {JOBS} in the queue", queue.len());
    }

    let queue = Queue::new("jobs", 4);
    let done = scope(async |s| {
        let consumer = s.spawn("consumer", consume(queue.clone()));
        produce(&queue).await?;
        queue.close(); // what is in the queue is still given out
        Ok::<_, BoxError>(consumer.await?)
    })
    .await?;
    println!("Consumers first: all {done} done");
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
