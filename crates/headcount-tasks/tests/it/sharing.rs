//! Semaphores, rates and queues: fair, and nothing is lost when a waiter or a holder goes.

use headcount_tasks::{
    BoxError, LifoQueue, PriorityQueue, Queue, Rate, Semaphore, scope, sleep, timeout, yield_now,
};
use tokio::time::Instant;

use crate::support::{Events, MS, SECOND, run};

#[test]
fn permits_come_in_the_order_of_asking_and_survive_cancelled_waiters() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let semaphore = Semaphore::new("s", 1);
        scope(async |s| {
            let held = semaphore.acquire().await;
            let mut tasks = Vec::new();
            for name in ["a", "b", "c"] {
                let (events, semaphore) = (events.clone(), semaphore.clone());
                tasks.push(s.spawn(name, async move {
                    let _permit = semaphore.acquire().await;
                    events.note(name);
                    sleep(MS).await;
                }));
            }
            yield_now().await;
            assert!(semaphore.try_acquire().is_none());
            drop(held);
            // The permit has been given to `a`, which has not noticed yet; it must not be lost.
            tasks[0].cancel();
        })
        .await?;
        assert_eq!(semaphore.available(), 1);
        Ok::<_, BoxError>(())
    });
    assert_eq!(seen.joined(), "b c");
}

#[test]
fn who_wants_many_is_not_overtaken_and_leaving_lets_others_pass() {
    run(async {
        let semaphore = Semaphore::new("s", 2);
        let one = semaphore.acquire().await;
        let mut many = Box::pin(semaphore.acquire_many(2));
        let mut single = Box::pin(semaphore.acquire());
        assert!(futures_util::poll!(many.as_mut()).is_pending());
        assert!(futures_util::poll!(single.as_mut()).is_pending());
        drop(many);
        assert!(futures_util::poll!(single.as_mut()).is_ready());
        drop(one);
        assert_eq!(semaphore.available(), 2);
    });
}

#[test]
fn a_rate_allows_a_burst_and_then_one_an_interval() {
    run(async {
        let rate = Rate::new("r", 3, SECOND * 3);
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..6 {
            rate.acquire().await;
            times.push(start.elapsed().as_secs());
        }
        assert_eq!(times, [0, 0, 0, 1, 2, 3]);
        assert!(timeout(MS, rate.acquire()).await.is_err());
        sleep(SECOND - MS).await;
        rate.acquire().await;
        assert_eq!(start.elapsed(), 4 * SECOND, "the cancelled one took no turn");
    });
}

#[test]
fn a_bounded_queue_passes_items_in_order_and_join_waits_for_the_guards() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let queue = Queue::new("q", 2);
        scope(async |s| {
            for number in 0..3_usize {
                let (queue, events) = (queue.clone(), events.clone());
                s.spawn(("consumer", number), async move {
                    while let Some(item) = queue.get().await {
                        sleep(SECOND).await;
                        events.note(format!("{}", *item));
                    }
                });
            }
            for number in 0..6 {
                queue.put(number).await?;
            }
            queue.join().await;
            events.note("joined");
            queue.close();
            Ok::<_, BoxError>(())
        })
        .await
    });
    assert_eq!(seen.joined(), "0 1 2 3 4 5 joined");
}

#[test]
fn lifo_and_priority_queues_choose_differently() {
    run(async {
        let (last, lowest) = (LifoQueue::new("l", 9), PriorityQueue::new("p", 9));
        for number in [2, 3, 1] {
            last.put(number).await?;
            lowest.put(number).await?;
        }
        let mut order = Vec::new();
        while let (Some(a), Some(b)) = (last.try_get(), lowest.try_get()) {
            order.push((a.into_inner(), b.into_inner()));
        }
        assert_eq!(order, [(1, 1), (3, 2), (2, 3)]);
        Ok::<_, BoxError>(())
    });
}

#[test]
fn an_item_given_to_a_cancelled_getter_is_not_lost() {
    run(async {
        let queue = Queue::new("q", 2);
        let mut first = Box::pin(queue.get());
        let mut second = Box::pin(queue.get());
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        queue.put(1).await?;
        drop(first);
        assert_eq!(second.await.map(|item| *item), Some(1));
        let mut alone = Box::pin(queue.get());
        assert!(futures_util::poll!(alone.as_mut()).is_pending());
        queue.put(2).await?;
        drop(alone);
        assert_eq!(queue.try_get().map(|item| *item), Some(2));
        assert_eq!(queue.unfinished(), 0);
        Ok::<_, BoxError>(())
    });
}

#[test]
fn a_cancelled_put_puts_nothing() {
    run(async {
        let queue = Queue::new("q", 1);
        queue.put(1).await?;
        assert!(timeout(MS, queue.put(2)).await.is_err());
        assert_eq!(queue.get().await.map(|item| *item), Some(1));
        assert!(queue.try_get().is_none() && queue.unfinished() == 0);
        Ok::<_, BoxError>(())
    });
}

#[test]
fn closing_drains_or_drops_and_wakes_everybody() {
    run(async {
        let queue = Queue::new("q", 1);
        queue.put(1).await?;
        scope(async |s| {
            let putting = queue.clone();
            let refused = s.spawn("putter", async move { putting.put(2).await.is_err() });
            yield_now().await;
            queue.close();
            assert!(refused.await?);
            assert_eq!(queue.get().await.map(|item| *item), Some(1));
            assert!(queue.get().await.is_none());
            Ok::<_, BoxError>(())
        })
        .await?;
        let queue = Queue::new("q", 3);
        queue.put(1).await?;
        queue.put(2).await?;
        assert_eq!(queue.close_and_drain(), [1, 2]);
        queue.join().await;
        assert!(queue.get().await.is_none() && queue.put(3).await.is_err());
        Ok::<_, BoxError>(())
    });
}

#[test]
fn nobody_overtakes_who_waits_at_a_rate() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let rate = Rate::new("r", 1, SECOND);
        rate.acquire().await;
        scope(async |s| {
            for (name, arrival) in [("late", SECOND), ("early", MS)] {
                let (rate, events) = (rate.clone(), events.clone());
                s.spawn(name, async move {
                    // The late one's timer fires together with the turn that the early one waits for.
                    sleep(arrival).await;
                    rate.acquire().await;
                    events.note(name);
                });
            }
        })
        .await
    });
    assert_eq!(seen.joined(), "early late");
}

/// As in CPython, where the event stays set for those who waited for it.
#[test]
fn a_join_returns_although_the_next_item_comes_at_once() {
    run(async {
        let queue = Queue::new("q", 1);
        queue.put(1).await?;
        scope(async |s| {
            let joined = queue.clone();
            let joiner = s.spawn("joiner", async move { joined.join().await });
            yield_now().await;
            drop(queue.get().await);
            queue.put(2).await?;
            timeout(SECOND, joiner).await??;
            Ok::<_, BoxError>(())
        })
        .await?;
        Ok::<_, BoxError>(())
    });
}

#[test]
fn closing_wakes_those_who_wait_in_their_order() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let queue = Queue::<u8>::new("q", 1);
        scope(async |s| {
            let spawn = |name: &'static str| {
                let (queue, events) = (queue.clone(), events.clone());
                s.spawn(name, async move {
                    assert!(queue.get().await.is_none());
                    events.note(name);
                })
            };
            let first = spawn("first");
            let _second = spawn("second");
            yield_now().await;
            first.cancel();
            yield_now().await;
            // Takes the place in memory that the first has left, behind the second in line.
            let _third = spawn("third");
            yield_now().await;
            queue.close();
        })
        .await
    });
    assert_eq!(seen.joined(), "second third");
}

#[test]
fn an_item_that_was_let_in_stays_although_its_put_is_dropped() {
    run(async {
        let queue = Queue::new("q", 1);
        queue.put(1).await?;
        let mut waiting = Box::pin(queue.put(2));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert_eq!(queue.try_get().map(|item| *item), Some(1));
        drop(waiting);
        assert_eq!(queue.try_get().map(|item| *item), Some(2));
        Ok::<_, BoxError>(())
    });
}

#[test]
fn permits_are_taken_out_and_added_for_good() {
    run(async {
        let semaphore = Semaphore::new("s", 1);
        semaphore.acquire().await.forget();
        assert_eq!(semaphore.available(), 0);
        let mut waiting = Box::pin(semaphore.acquire_many(3));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        semaphore.add_permits(3);
        drop(waiting.await);
        assert_eq!(semaphore.available(), 3);
    });
}
