//! The cases on headcount-tasks.

use std::time::Duration;

use headcount_tasks::{BoxError, Queue, Runner, Semaphore, Value, gather, scope, sleep, yield_now};

use crate::{Cost, cpu_time, resident};

pub(crate) fn measure(case: &str, times: usize, watchdog: bool) -> Cost {
    let case = case.to_owned();
    let runner = Runner::new().signals(false).tree_signal(false).debug(watchdog);
    let cost = runner.run(async move {
        let start = cpu_time();
        let begun_with = resident();
        match case.as_str() {
            "spawn-join" => {
                for _ in 0..times / 1000 {
                    scope(async |s| {
                        let tasks: Vec<_> =
                            (0..1000_u32).map(|n| s.spawn("task", async move { n })).collect();
                        for task in tasks {
                            task.await?;
                        }
                        Ok::<_, BoxError>(())
                    })
                    .await?;
                }
            }
            "spawn-join-one" => {
                scope(async |s| {
                    for n in 0..times {
                        s.spawn("task", async move { n }).await?;
                    }
                    Ok::<_, BoxError>(())
                })
                .await?;
            }
            "sleeps" => {
                gather((0..times).map(|n| sleep(Duration::from_millis(1 + n as u64 % 100)))).await?;
            }
            "queue" => {
                let queue = Queue::new("queue", 1);
                let reading = queue.clone();
                scope(async |s| {
                    s.spawn("reader", async move { while reading.get().await.is_some() {} });
                    for n in 0..times {
                        queue.put(n).await?;
                    }
                    queue.close();
                    Ok::<_, BoxError>(())
                })
                .await?;
            }
            "semaphore" => {
                let semaphore = Semaphore::new("semaphore", 1);
                scope(async |s| {
                    for _ in 0..10 {
                        let semaphore = semaphore.clone();
                        s.spawn("task", async move {
                            for _ in 0..times / 10 {
                                let _permit = semaphore.acquire().await;
                                yield_now().await;
                            }
                        });
                    }
                })
                .await?;
            }
            "cancel" => {
                scope(async |s| {
                    for _ in 0..times {
                        s.spawn("task", std::future::pending::<()>());
                    }
                    yield_now().await;
                    s.cancel_children();
                })
                .await?;
            }
            "yield" => {
                scope(async |s| {
                    for _ in 0..100 {
                        s.spawn("task", async move {
                            for _ in 0..times / 100 {
                                yield_now().await;
                            }
                        });
                    }
                })
                .await?;
            }
            "thread" => {
                let (send, mut receive) = tokio::sync::mpsc::channel(1024);
                let sender = std::thread::spawn(move || {
                    (0..times).for_each(|n| {
                        let _closed = send.blocking_send(n);
                    });
                });
                while receive.recv().await.is_some() {}
                drop(sender.join());
            }
            _ => {
                let bytes = scope(async |s| {
                    for _ in 0..times {
                        s.spawn("task", sleep(Duration::from_secs(3600)));
                    }
                    yield_now().await;
                    let bytes = resident() - begun_with;
                    s.cancel_children();
                    bytes
                });
                return Ok(Value(Cost(bytes.await? / times as f64)));
            }
        }
        Ok::<_, BoxError>(Value(Cost((cpu_time() - start) / times as f64)))
    });
    cost.map_or(Cost(f64::NAN), |Value(cost)| cost)
}
