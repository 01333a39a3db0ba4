//! So many at a time: jobs of one second each, through `limit`, through a semaphore, and by a rate.
//!
//! ```text
//! 20 jobs, limit(5): 4.0 s, at most 5 at once
//! 10 jobs, a semaphore of 3: 4.0 s, at most 3 at once
//! 50 jobs, limit(10): 5.0 s, at most 10 at once
//! 50 jobs, no limit: 1.0 s, at most 50 at once
//! 50 jobs, no more than 10 a second: 5.0 s, at most 19 at once
//! ```

use std::cell::Cell;
use std::rc::Rc;

use examples::{SECOND, since};
use headcount_tasks::{BoxError, Rate, Semaphore, gather, sleep};
use tokio::time::Instant;

/// Counts the jobs that run now. One thread, so a cell will do where Python's threads would need a lock.
#[derive(Clone, Default)]
struct Gauge {
    now: Rc<Cell<u32>>,
    most: Rc<Cell<u32>>,
}

impl Gauge {
    async fn job(self) {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        sleep(SECOND).await;
        self.now.set(self.now.get() - 1);
    }

    fn tell(&self, what: &str, start: Instant) {
        println!("{what}: {}, at most {} at once", since(start), self.most.get());
    }
}

async fn program() -> Result<(), BoxError> {
    let (gauge, start) = (Gauge::default(), Instant::now());
    gather((0..20).map(|_| gauge.clone().job())).limit(5).await?;
    gauge.tell("20 jobs, limit(5)", start);

    let (gauge, start) = (Gauge::default(), Instant::now());
    let permits = Semaphore::new("site", 3);
    let limited = (0..10).map(|_| {
        let (gauge, permits) = (gauge.clone(), permits.clone());
        async move {
            let _permit = permits.acquire().await; // given back when the block is left, however that happens
            gauge.job().await;
        }
    });
    gather(limited).await?;
    gauge.tell("10 jobs, a semaphore of 3", start);

    let (gauge, start) = (Gauge::default(), Instant::now());
    gather((0..50).map(|_| gauge.clone().job())).limit(10).await?;
    gauge.tell("50 jobs, limit(10)", start);

    let (gauge, start) = (Gauge::default(), Instant::now());
    gather((0..50).map(|_| gauge.clone().job())).await?;
    gauge.tell("50 jobs, no limit", start);

    let (gauge, start) = (Gauge::default(), Instant::now());
    let rate = Rate::new("site", 10, SECOND);
    let paced = (0..50).map(|_| {
        let (gauge, rate) = (gauge.clone(), rate.clone());
        async move {
            rate.acquire().await;
            gauge.job().await;
        }
    });
    gather(paced).await?;
    gauge.tell("50 jobs, no more than 10 a second", start);
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
