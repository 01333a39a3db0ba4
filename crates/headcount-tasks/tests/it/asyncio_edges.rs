//! Edge cases that CPython's own tests of asyncio watch, where they carry over. The list of those
//! that do not, with the reasons, is in `docs/asyncio-tests.md`.

use std::time::Duration;

use headcount_tasks::{
    BoxError, Queue, Semaphore, Value, daemon, gather, scope, shield, sleep, timeout, until_cancelled,
    yield_now,
};
use tokio::time::Instant;

use crate::support::{Events, MS, SECOND, run, runner};

/// `test_wait_for_race_condition`: a result and the deadline at the same instant.
#[test]
fn a_result_that_comes_with_the_deadline_is_not_lost() {
    run(async {
        assert!(timeout(SECOND, sleep(SECOND)).await.is_ok());
    });
}

/// `test_timeout_after_cancellation`, `test_nested_timeout_in_finally`: deadlines in a cleanup.
#[test]
fn a_cleanup_can_have_deadlines_of_its_own() {
    let elapsed = run(async {
        let start = Instant::now();
        let work = async {
            let _told = until_cancelled(sleep(100 * SECOND)).await;
            timeout(SECOND, sleep(100 * SECOND)).await.is_err()
        };
        assert_eq!(timeout(SECOND, work).await, Ok(true));
        start.elapsed()
    });
    assert_eq!(elapsed, 2 * SECOND);
}

/// `test_foreign_exception_on_timeout`: an error of the cleanup comes out of the deadline.
#[test]
fn an_error_of_the_cleanup_is_the_result_of_the_work() {
    run(async {
        let work =
            async { until_cancelled(sleep(100 * SECOND)).await.map_err(|_cancelled| "cannot clean up") };
        assert_eq!(timeout(SECOND, work).await, Ok(Err("cannot clean up")));
    });
}

/// `test_outer_task_is_not_cancelled`: a deadline that fires leaves the task itself alone.
#[test]
fn a_deadline_does_not_cancel_the_task_around_it() {
    run(async {
        assert!(timeout(Duration::ZERO, std::future::pending::<()>()).await.is_err());
        assert!(!headcount_tasks::current().unwrap().is_cancelling());
        assert_eq!(until_cancelled(async { 1 }).await, Ok(1));
    });
}

/// `test_nested_timeouts_concurrent`: both have expired when the loop looks.
#[test]
fn of_two_deadlines_at_once_the_inner_returns_first() {
    run(async {
        let both = timeout(MS, timeout(MS, sleep(SECOND))).await;
        assert!(both.is_ok_and(|inner| inner.is_err()));
    });
}

/// `test_cancel_task_catching`, `test_baseexception_during_cancel`: an error, not a cancellation.
#[test]
fn an_error_in_answer_to_a_cancellation_fails_the_scope() {
    let error = run(async {
        let result = scope(async |s| {
            let task = s.spawn("task", async {
                until_cancelled(std::future::pending::<()>()).await.map_err(|_| "broken on the way out")
            });
            yield_now().await;
            task.cancel();
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `task` failed: broken on the way out");
}

/// `test_cancel_awaited_task`, `test_cancel_inner_future`: who awaits a cancelled task is told.
#[test]
fn awaiting_a_cancelled_task_is_an_error_and_not_a_cancellation() {
    run(async {
        scope(async |s| {
            let task = s.spawn("inner", std::future::pending::<()>());
            let waiting = s.spawn("outer", async move {
                let error = task.await.unwrap_err();
                error.is_cancelled() && !headcount_tasks::current().unwrap().is_cancelling()
            });
            yield_now().await;
            s.cancel_children();
            assert!(waiting.await.unwrap_err().is_cancelled());
        })
        .await
    });
}

/// `test_taskgroup_21a`, `_22`: cancelling comes while the group is failing already.
#[test]
fn a_failing_scope_can_be_cancelled_from_above() {
    run(async {
        let failing = scope(async |s| {
            s.spawn("slow to go", async {
                let _told = until_cancelled(std::future::pending::<()>()).await;
                sleep(3 * SECOND).await;
            });
            s.spawn("handled", async {
                yield_now().await;
                Value(Err::<(), _>("data, no failure"))
            });
            sleep(SECOND).await;
            Err::<(), _>(headcount_tasks::Cancelled)
        });
        assert!(timeout(2 * SECOND, failing).await.is_err());
    });
}

/// `test_taskgroup_04`, `_14`: a child starts others in its own group.
#[test]
fn children_can_start_siblings() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let (events, group) = (events.clone(), s.clone());
            s.spawn("first", async move {
                events.note("first");
                group.spawn("second", async move { events.note("second") });
            });
        })
        .await
    });
    assert_eq!(seen.joined(), "first second");
}

/// `test_shield_cancel_outer`, `test_shield_exception`.
#[test]
fn a_shield_hands_errors_on() {
    run(async {
        let error = shield("work", async { Err::<(), _>("broken") }).await.unwrap_err();
        assert_eq!(error.to_string(), "task `work` failed: broken");
    });
}

/// `test_get_cancel_drop_many_pending_readers`, `test_put_cancelled_race`.
#[test]
fn many_cancelled_readers_and_writers_leave_a_queue_whole() {
    run(async {
        let queue = Queue::new("q", 1);
        let read = gather((0..10_u32).map({
            let queue = queue.clone();
            move |number| {
                let queue = queue.clone();
                async move {
                    let got = timeout(MS * number, queue.get()).await;
                    u32::from(matches!(got, Ok(Some(_))))
                }
            }
        }));
        let written = gather((0..10_u32).map({
            let queue = queue.clone();
            move |number| {
                let queue = queue.clone();
                async move {
                    sleep(MS * (number % 3)).await;
                    u32::from(timeout(MS * number, queue.put(number)).await.is_ok())
                }
            }
        }));
        let (read, written) = futures_util::join!(read, written);
        let (read, written): (u32, u32) = (read?.iter().sum(), written?.iter().sum());
        assert_eq!(read as usize + queue.len(), written as usize);
        Ok::<_, BoxError>(())
    });
}

/// `test_acquire_fifo_order_3`, `test_acquire_hang`: cancelled waiters in the middle of the line.
#[test]
fn a_semaphore_wakes_who_stands_behind_a_cancelled_waiter() {
    run(async {
        let semaphore = Semaphore::new("s", 0);
        scope(async |s| {
            let spawn = |name: &'static str| {
                let semaphore = semaphore.clone();
                s.spawn(name, async move { drop(semaphore.acquire().await) })
            };
            let (first, second, third) = (spawn("1"), spawn("2"), spawn("3"));
            yield_now().await;
            second.cancel();
            semaphore.add_permits(1);
            first.cancel();
            third.await
        })
        .await?;
        assert_eq!(semaphore.available(), 1);
        Ok::<_, BoxError>(())
    });
}

/// Wakers that are not the task's own, as in `join!` and `FuturesUnordered`, work as well.
#[test]
fn primitives_wake_through_the_wakers_of_combinators() {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    run(async {
        let queue = Queue::new("q", 1);
        let mut gets: FuturesUnordered<_> = (0..3).map(|_| queue.get()).collect();
        let puts = async {
            for number in 0..3 {
                sleep(MS).await;
                queue.put(number).await?;
            }
            Ok::<_, BoxError>(())
        };
        let sum = async {
            let mut sum = 0;
            while let Some(item) = gets.next().await {
                sum += item.map_or(0, |item| *item);
            }
            sum
        };
        let (sum, put) = futures_util::join!(sum, puts);
        put?;
        assert_eq!(sum, 3);
        Ok::<_, BoxError>(())
    });
}

/// `test_asyncio_run_reports_hanging_tasks_errors`.
#[test]
fn an_error_of_a_daemon_that_is_asked_to_end_is_reported() {
    let (runner, reports) = runner();
    let main = async {
        drop(daemon("leftover", async {
            let _told = until_cancelled(std::future::pending::<()>()).await;
            Err::<(), _>("cannot clean up")
        })?);
        yield_now().await;
        Ok::<_, BoxError>(123)
    };
    assert_eq!(runner.paused_clock().debug(false).run(main).unwrap(), 123);
    assert_eq!(reports.texts(), ["an error nobody took: task `leftover` failed: cannot clean up"]);
}

/// `test_wait_for_self_cancellation`, the part that carries over: who cleans up is not cut short.
#[test]
fn a_second_cancel_leaves_the_cleanup_alone() {
    run(async {
        scope(async |s| {
            let task = s.spawn("task", async {
                let _told = until_cancelled(std::future::pending::<()>()).await;
                sleep(SECOND).await;
                42_u32
            });
            yield_now().await;
            task.cancel();
            sleep(MS).await;
            task.cancel();
            assert_eq!(task.await?, 42);
            Ok::<_, BoxError>(())
        })
        .await
    });
}

/// `test_interrupt_call_soon`: a task that never waits, only yields, can be cancelled.
#[test]
fn a_task_that_only_yields_can_be_cancelled() {
    run(async {
        scope(async |s| {
            let task = s.spawn("busy", async {
                loop {
                    yield_now().await;
                }
            });
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .await
    });
}
