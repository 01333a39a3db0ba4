//! A forgotten await is refused where `unused_must_use` is denied.

#![deny(unused_must_use)]

use headcount_tasks::{Queue, Semaphore, gather, scope, sleep, timeout, yield_now};
use std::time::Duration;

async fn forgets(queue: Queue<u8>, semaphore: Semaphore) {
    sleep(Duration::ZERO);
    yield_now();
    timeout(Duration::ZERO, async {});
    gather([async {}]);
    scope(async |_| ());
    queue.put(1);
    queue.get();
    semaphore.acquire();
}

fn main() {
    drop(forgets);
}
