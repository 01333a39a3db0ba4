//! The cases on tokio's current-thread runtime, with JoinSet, mpsc and its semaphore.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, yield_now};

use crate::{Cost, cpu_time, resident};

pub(crate) fn measure(case: &str, times: usize) -> Cost {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return Cost(f64::NAN) };
    // As a task, like the main task of the other side: what `block_on` polls is woken differently.
    let case = case.to_owned();
    runtime.block_on(async move {
        let mut main = JoinSet::new();
        main.spawn(async move { run(&case, times).await });
        main.join_next().await.and_then(Result::ok).unwrap_or(Cost(f64::NAN))
    })
}

async fn run(case: &str, times: usize) -> Cost {
    let start = cpu_time();
    let begun_with = resident();
    let mut tasks = JoinSet::new();
    match case {
        "spawn-join" => {
            for _ in 0..times / 1000 {
                for n in 0..1000_usize {
                    tasks.spawn(async move { n });
                }
                while tasks.join_next().await.is_some() {}
            }
        }
        "spawn-join-one" => {
            for n in 0..times {
                tasks.spawn(async move { n });
                tasks.join_next().await;
            }
        }
        "sleeps" => {
            for n in 0..times {
                let sleep = tokio::time::sleep(Duration::from_millis(1 + n as u64 % 100));
                tasks.spawn(async move {
                    sleep.await;
                    n
                });
            }
            while tasks.join_next().await.is_some() {}
        }
        "queue" => {
            let (send, mut receive) = mpsc::channel(1);
            tasks.spawn(async move {
                while receive.recv().await.is_some() {}
                0
            });
            for n in 0..times {
                let _closed = send.send(n).await;
            }
            drop(send);
            while tasks.join_next().await.is_some() {}
        }
        "semaphore" => {
            let semaphore = Arc::new(Semaphore::new(1));
            for _ in 0..10 {
                let semaphore = Arc::clone(&semaphore);
                tasks.spawn(async move {
                    for _ in 0..times / 10 {
                        let _permit = Arc::clone(&semaphore).acquire_owned().await;
                        yield_now().await;
                    }
                    0
                });
            }
            while tasks.join_next().await.is_some() {}
        }
        "cancel" => {
            for _ in 0..times {
                tasks.spawn(std::future::pending());
            }
            yield_now().await;
            tasks.shutdown().await;
        }
        "yield" => {
            for _ in 0..100 {
                tasks.spawn(async move {
                    for _ in 0..times / 100 {
                        yield_now().await;
                    }
                    0
                });
            }
            while tasks.join_next().await.is_some() {}
        }
        "thread" => {
            let (send, mut receive) = mpsc::channel(1024);
            let sender = std::thread::spawn(move || {
                (0..times).for_each(|n| {
                    let _closed = send.blocking_send(n);
                });
            });
            while receive.recv().await.is_some() {}
            drop(sender.join());
        }
        _ => {
            for _ in 0..times {
                let sleep = tokio::time::sleep(Duration::from_secs(3600));
                tasks.spawn(async move {
                    sleep.await;
                    0
                });
            }
            yield_now().await;
            let bytes = resident() - begun_with;
            tasks.shutdown().await;
            return Cost(bytes / times as f64);
        }
    }
    Cost((cpu_time() - start) / times as f64)
}
