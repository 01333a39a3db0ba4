//! Scopes: nothing outlives them, no failure is lost.

use headcount_tasks::{BoxError, TaskState, current, daemon, scope, shield, sleep, timeout, yield_now};

use crate::support::{Events, MS, SECOND, run, runner};

#[test]
fn children_start_in_order_at_the_next_await() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            for name in ["a", "b", "c"] {
                let events = events.clone();
                s.spawn(name, async move { events.note(name) });
            }
            events.note("body");
            yield_now().await;
            events.note("after");
        })
        .await
    });
    assert_eq!(seen.joined(), "body a b c after");
}

#[test]
fn a_scope_returns_when_every_destructor_has_run() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let guard = events.on_drop("dropped");
            s.spawn("slow", async move {
                let _guard = guard;
                sleep(SECOND).await;
            });
        })
        .await?;
        events.note("returned");
        Ok::<_, BoxError>(())
    });
    assert_eq!(seen.joined(), "dropped returned");
}

#[test]
fn the_first_error_cancels_the_siblings_and_the_body() {
    let events = Events::default();
    let seen = events.clone();
    let error = run(async move {
        let result = scope(async |s| {
            let guard = events.on_drop("sibling");
            s.spawn("sibling", async move {
                let _guard = guard;
                sleep(100 * SECOND).await;
            });
            s.spawn("bad", async {
                sleep(SECOND).await;
                Err::<(), _>("broken")
            });
            let _guard = events.on_drop("body");
            sleep(100 * SECOND).await;
        })
        .await;
        events.note("returned");
        headcount_tasks::Value(result.unwrap_err())
    });
    assert_eq!(seen.joined(), "sibling body returned");
    assert_eq!(error.to_string(), "task `bad` failed: broken");
}

#[test]
fn all_failures_come_back_together_with_their_names() {
    let error = run(async {
        let result = scope(async |s| {
            s.spawn("first", async { Err::<(), _>("one") });
            s.spawn("second", async { Err::<(), _>("two") });
            s.spawn("third", async {
                if current().is_some() {
                    panic!("three");
                }
            });
            std::future::pending::<()>().await;
        });
        headcount_tasks::Value(result.await.unwrap_err())
    });
    // The second and third had not started, so they were cancelled, not failed.
    assert_eq!(error.to_string(), "task `first` failed: one");

    let error = run(async {
        let result = scope(async |s| {
            for name in ["first", "second"] {
                s.spawn(name, async move {
                    let _until = headcount_tasks::until_cancelled(sleep(SECOND)).await;
                    Err::<(), _>(name)
                });
            }
            s.spawn("third", async {
                sleep(MS).await;
                if current().is_some() {
                    panic!("three");
                }
            });
        });
        headcount_tasks::Value(result.await.unwrap_err())
    });
    insta::assert_snapshot!(error, @"3 tasks failed: task `third` panicked: three; task `first` failed: first; task `second` failed: second");
    assert_eq!(error.failures().len(), 3);
    assert!(error.failures()[0].is_panic());
}

#[test]
fn a_panic_of_the_body_cancels_the_children_and_comes_back() {
    let error = run(async {
        let result = scope(async |s| {
            s.spawn("child", std::future::pending::<()>());
            yield_now().await;
            if s.live_children() == 1 {
                panic!("the body broke");
            }
        });
        headcount_tasks::Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `main` panicked: the body broke");
}

#[test]
fn scopes_nest_and_hand_errors_outwards() {
    let error = run(async {
        let result = scope(async |s| {
            s.spawn("outer", async {
                scope(async |s| {
                    s.spawn("inner", async { Err::<(), _>(std::io::Error::other("deep")) });
                })
                .await
            });
        });
        headcount_tasks::Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `outer` failed: task `inner` failed: deep");
    assert!(error.find::<std::io::Error>().is_some());
}

#[test]
fn a_dropped_scope_leaves_no_child_behind_its_task() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let events = events.clone();
            let task = s.spawn("parent", async move {
                let child_events = events.clone();
                let mut inner = Box::pin(scope(async move |s| {
                    let events = child_events.clone();
                    s.spawn("child", async move {
                        let _ = headcount_tasks::until_cancelled(sleep(SECOND)).await;
                        sleep(10 * MS).await;
                        events.note("cleaned");
                    });
                    sleep(SECOND).await;
                }));
                // Polls the scope once and drops it.
                assert!(futures_util::poll!(inner.as_mut()).is_pending());
                yield_now().await;
                drop(inner);
                events.note("parent-ends");
            });
            task.await
        })
        .await?;
        events.note("returned");
        Ok::<_, BoxError>(())
    });
    assert_eq!(seen.joined(), "parent-ends cleaned returned");
}

#[test]
fn a_closed_scope_takes_no_more_children() {
    run(async {
        let clone = scope(async |s| headcount_tasks::Value(s.clone())).await?;
        let late = clone.spawn("late", async { unreachable!("never polled") as () });
        assert_eq!(late.state(), TaskState::Ended);
        assert!(late.await.unwrap_err().is_cancelled());
        Ok::<_, BoxError>(())
    });
}

#[test]
fn daemons_end_with_the_main_task_and_their_errors_are_reported() {
    let (runner, reports) = runner();
    let result = runner.paused_clock().debug(false).run(async {
        drop(daemon("broken", async { Err::<(), _>("oh") }));
        drop(daemon("endless", std::future::pending::<()>()));
        sleep(SECOND).await;
        7
    });
    assert_eq!(result.unwrap(), 7);
    assert_eq!(reports.texts(), ["an error nobody took: task `broken` failed: oh"]);
}

#[test]
fn a_shield_is_finished_and_waited_for() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let inner = events.clone();
        let result = timeout(SECOND, async move {
            let events = inner.clone();
            let committed = shield("commit", async move {
                sleep(3 * SECOND).await;
                events.note("committed");
            });
            committed.await.unwrap();
            inner.note("goes-on-to-its-next-await");
            sleep(SECOND).await;
            inner.note("never");
        });
        assert!(result.await.is_err());
        events.note("timed-out");
    });
    assert_eq!(seen.joined(), "committed goes-on-to-its-next-await timed-out");
}

#[test]
fn a_failure_met_in_a_handle_is_told_once() {
    let error = run(async {
        let result = scope(async |s| s.spawn("bad", async { Err::<(), _>("broken") }).await);
        headcount_tasks::Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `bad` failed: broken");
}
