//! Cancellation: request, grace, abort, wait.

use std::future::Future;
use std::time::Duration;

use headcount_tasks::{BoxError, TaskState, Value, current, scope, sleep, until_cancelled, yield_now};
use tokio::time::Instant;

use crate::support::{Events, MS, SECOND, run, runner};

#[test]
fn cancelling_has_dropped_the_future_when_it_returns() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let guard = events.on_drop("dropped");
            let task = s.spawn("task", async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
            events.note("returned");
            assert_eq!(task.state(), TaskState::Ended);
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .await
    });
    assert_eq!(seen.joined(), "dropped returned");
}

#[test]
fn a_section_cleans_up_with_awaits_within_the_grace() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let events = events.clone();
            let task = s.spawn("task", async move {
                let work = async {
                    loop {
                        sleep(SECOND).await;
                    }
                };
                let outcome: Result<(), _> = until_cancelled(work).await;
                sleep(4 * SECOND).await;
                events.note("cleaned");
                outcome
            });
            sleep(1500 * MS).await;
            let start = Instant::now();
            task.cancel();
            assert_eq!(task.state(), TaskState::Cancelling);
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(start.elapsed(), 4 * SECOND);
        })
        .await
    });
    assert_eq!(seen.joined(), "cleaned");
}

#[test]
fn who_ignores_the_request_is_dropped_after_the_grace_and_named() {
    let (runner, reports) = runner();
    let elapsed = runner.paused_clock().debug(false).run(async {
        scope(async |s| {
            s.set_grace(2 * SECOND);
            let task = s.spawn("stubborn", async {
                loop {
                    let _ignored = until_cancelled(sleep(SECOND)).await;
                }
            });
            yield_now().await;
            let start = Instant::now();
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
            start.elapsed()
        })
        .await
    });
    assert_eq!(elapsed.unwrap(), 2 * SECOND);
    assert_eq!(reports.texts(), ["task `stubborn` did not end within its grace and was dropped"]);
}

#[test]
fn abort_drops_children_first_and_gives_no_grace() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let events = events.clone();
            let inner = events.clone();
            let task = s.spawn("parent", async move {
                let _guard = inner.on_drop("parent");
                scope(async |s| {
                    for name in ["older", "younger"] {
                        let guard = inner.on_drop(name);
                        s.spawn(name, async move {
                            let _guard = guard;
                            let _ignored = until_cancelled(sleep(SECOND)).await;
                            sleep(SECOND).await;
                        });
                    }
                })
                .await
            });
            yield_now().await;
            yield_now().await;
            task.abort();
            events.note("returned");
            assert!(task.is_ended());
        })
        .await
    });
    assert_eq!(seen.joined(), "younger older parent returned");
}

#[test]
fn cancelling_a_parent_waits_for_children_that_clean_up() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let events = events.clone();
            let inner = events.clone();
            let parent = s.spawn("parent", async move {
                let _guard = inner.on_drop("parent");
                scope(async |s| {
                    let events = inner.clone();
                    s.spawn("child", async move {
                        let _ignored = until_cancelled(std::future::pending::<()>()).await;
                        sleep(SECOND).await;
                        events.note("cleaned");
                    });
                })
                .await?;
                inner.note("a cancelled scope does not return");
                Ok::<_, BoxError>(())
            });
            sleep(MS).await;
            parent.cancel();
            assert!(parent.await.unwrap_err().is_cancelled());
        })
        .await
    });
    assert_eq!(seen.joined(), "cleaned parent");
}

#[test]
fn a_task_can_cancel_itself_and_ends_at_its_next_await() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let handle = std::rc::Rc::new(std::cell::RefCell::new(None));
            let (own, inner) = (handle.clone(), events.clone());
            *handle.borrow_mut() = Some(s.spawn("self", async move {
                own.borrow().as_ref().map(headcount_tasks::TaskHandle::cancel);
                assert!(current().is_some_and(|task| task.is_cancelling()));
                inner.note("still");
                sleep(SECOND).await;
                inner.note("never");
            }));
        })
        .await
    });
    assert_eq!(seen.joined(), "still");
}

#[test]
fn work_begun_in_a_cleanup_is_not_cut_short_by_the_same_request() {
    let cleaned = run(async {
        let cleaned = std::rc::Rc::new(std::cell::Cell::new(false));
        let set = cleaned.clone();
        scope(async |s| {
            let task = s.spawn("task", async move {
                let _told = until_cancelled(std::future::pending::<()>()).await;
                scope(async |s| {
                    let child = s.spawn("goodbye", async {
                        sleep(SECOND).await;
                        true
                    });
                    set.set(child.await.unwrap());
                })
                .await
            });
            sleep(MS).await;
            task.cancel();
            drop(task.await);
        })
        .await?;
        Ok::<_, BoxError>(cleaned.get())
    });
    assert!(cleaned);
}

#[test]
fn an_error_during_cancellation_is_not_lost() {
    let (runner, reports) = runner();
    let result = runner.paused_clock().debug(false).run(async {
        scope(async |s| {
            let parent = s.spawn("parent", async {
                scope(async |s| {
                    s.spawn("child", async {
                        let _told = until_cancelled(std::future::pending::<()>()).await;
                        Err::<(), _>("cannot say goodbye")
                    });
                })
                .await
            });
            sleep(MS).await;
            parent.cancel();
            Value(parent.await.unwrap_err().is_cancelled())
        })
        .await
    });
    assert!(result.unwrap());
    assert_eq!(reports.texts(), ["an error nobody took: task `child` failed: cannot say goodbye"]);
}

#[test]
fn a_destructor_that_panics_is_a_failure_of_its_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let error = run(async {
        let result = scope(async |s| {
            let task = s.spawn("task", async {
                let _bomb = Bomb;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `task` panicked: in a destructor");
}

#[test]
fn wakers_that_outlive_their_loop_do_nothing() {
    let waker =
        run(async { Value(std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await) });
    let other = waker.clone();
    std::thread::spawn(move || other.wake()).join().unwrap();
    waker.wake_by_ref();
    run(async move {
        sleep(Duration::from_millis(1)).await;
        waker.wake();
    });
}

#[test]
fn the_waker_of_an_ended_task_does_not_wake_its_successor() {
    run(async {
        let polls = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = polls.clone();
        scope(async |s| {
            let first = s
                .spawn("first", std::future::poll_fn(|cx| std::task::Poll::Ready(Value(cx.waker().clone()))));
            let stale = first.await?;
            let second = s.spawn(
                "second",
                std::future::poll_fn(move |_| {
                    counted.set(counted.get() + 1);
                    std::task::Poll::<()>::Pending
                }),
            );
            yield_now().await;
            stale.wake();
            yield_now().await;
            assert_eq!(polls.get(), 1);
            second.cancel();
            Ok::<_, BoxError>(())
        })
        .await
    });
}

/// Drops a scope whose child takes its time to clean up.
async fn leave_behind(cleanup: Duration) {
    let mut left = Box::pin(scope(async |s| {
        s.spawn("slow to go", async move {
            let _told = until_cancelled(std::future::pending::<()>()).await;
            sleep(cleanup).await;
        });
    }));
    assert!(futures_util::poll!(left.as_mut()).is_pending());
    yield_now().await;
}

/// What a dropped scope leaves behind is waited for, and then the request takes effect at once.
#[test]
fn a_cancelled_task_ends_when_what_it_left_behind_has_ended() {
    let (runner, reports) = runner();
    let elapsed = runner.paused_clock().debug(false).run(async {
        scope(async |s| {
            let task = s.spawn("task", async {
                leave_behind(2 * SECOND).await;
                std::future::pending::<()>().await;
            });
            sleep(SECOND).await;
            let start = Instant::now();
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
            start.elapsed()
        })
        .await
    });
    assert_eq!((elapsed.unwrap(), reports.texts()), (SECOND, vec![]));
}

#[test]
fn the_body_of_a_failing_scope_ends_when_what_it_left_behind_has_ended() {
    let (runner, reports) = runner();
    let elapsed = runner.paused_clock().debug(false).run(async {
        let start = Instant::now();
        let result = scope(async |s| {
            s.spawn("bad", async {
                sleep(MS).await;
                Err::<(), _>("broken")
            });
            leave_behind(SECOND).await;
            std::future::pending::<()>().await;
        });
        assert_eq!(result.await.unwrap_err().to_string(), "task `bad` failed: broken");
        start.elapsed()
    });
    assert_eq!((elapsed.unwrap(), reports.texts()), (SECOND, vec![]));
}

#[test]
fn a_body_that_awaits_a_cancelled_sibling_adds_no_failure_of_its_own() {
    let error = run(async {
        let result = scope(async |s| {
            let victim = s.spawn("victim", std::future::pending::<()>());
            s.spawn("bad", async {
                yield_now().await;
                Err::<(), _>("broken")
            });
            victim.await
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `bad` failed: broken");

    let error = run(async {
        let result = scope(async |s| {
            let victim = s.spawn("victim", std::future::pending::<()>());
            s.spawn("bad", async {
                yield_now().await;
                Err::<(), _>("broken")
            });
            until_cancelled(victim).await.unwrap_or(Ok(()))
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `bad` failed: broken");
}

#[test]
fn a_body_that_was_asked_to_end_does_not_go_on_although_what_it_awaits_is_there() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let result = scope(async |s| {
            let victim = s.spawn("victim", std::future::pending::<()>());
            s.spawn("bad", async { Err::<(), _>("broken") });
            let _dropped = events.on_drop("dropped");
            let _cancelled = victim.await;
            events.note("never");
        });
        assert!(result.await.is_err());
    });
    assert_eq!(seen.joined(), "dropped");
}

#[test]
fn a_cancelled_task_that_awaits_a_cancelled_sibling_is_cancelled_too() {
    let error = run(async {
        let result = scope(async |s| {
            let victim = s.spawn("victim", std::future::pending::<()>());
            s.spawn("waits", async { until_cancelled(victim).await.unwrap_or(Ok(())) });
            s.spawn("bad", async {
                yield_now().await;
                Err::<(), _>("broken")
            });
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `bad` failed: broken");
}

#[test]
fn a_task_cancelled_in_its_first_poll_ends_at_its_first_await() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let (group, events) = (s.clone(), events.clone());
            s.spawn("self", async move {
                group.cancel_children();
                events.note("first step");
                let told = until_cancelled(sleep(SECOND)).await;
                events.note(format!("{told:?}"));
                told
            });
        })
        .await
    });
    assert_eq!(seen.joined(), "first step Err(Cancelled)");
}

#[test]
fn a_deep_tree_is_cancelled_from_its_root() {
    fn deeper(
        levels: u32,
        deepest: std::rc::Rc<std::cell::Cell<bool>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            if levels == 0 {
                deepest.set(true);
                return std::future::pending().await;
            }
            let child = deeper(levels - 1, deepest);
            drop(scope(async move |s| drop(s.spawn("level", child))).await);
        })
    }
    run(async {
        let reached = std::rc::Rc::new(std::cell::Cell::new(false));
        scope(async |s| {
            let root = s.spawn("root", deeper(1000, reached.clone()));
            sleep(SECOND).await;
            assert!(reached.get());
            root.cancel();
            assert!(root.await.unwrap_err().is_cancelled());
        })
        .await
    });
}
