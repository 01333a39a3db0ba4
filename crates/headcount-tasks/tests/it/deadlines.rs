//! Deadlines: they nest, move, and wait for what they cancel.

use headcount_tasks::{BoxError, Deadline, Value, scope, sleep, timeout, until_cancelled};
use tokio::time::Instant;

use crate::support::{Events, MS, SECOND, run, runner};

#[test]
fn work_in_time_gives_its_value_and_late_work_is_dropped() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        assert_eq!(timeout(SECOND, async { 5 }).await, Ok(5));
        let guard = events.on_drop("dropped");
        let late = timeout(SECOND, async move {
            let _guard = guard;
            sleep(10 * SECOND).await;
        });
        assert!(late.await.is_err());
        events.note("returned");
    });
    assert_eq!(seen.joined(), "dropped returned");
}

#[test]
fn a_timeout_waits_for_the_children_it_cancels() {
    let events = Events::default();
    let seen = events.clone();
    let elapsed = run(async move {
        let start = Instant::now();
        let inner = events.clone();
        let result = timeout(SECOND, async move {
            scope(async |s| {
                let events = inner.clone();
                s.spawn("child", async move {
                    let _told = until_cancelled(std::future::pending::<()>()).await;
                    sleep(2 * SECOND).await;
                    events.note("cleaned");
                });
            })
            .await
        });
        assert!(result.await.is_err());
        events.note("returned");
        start.elapsed()
    });
    assert_eq!(seen.joined(), "cleaned returned");
    assert_eq!(elapsed, 3 * SECOND);
}

#[test]
fn nested_deadlines_let_the_tighter_win_and_can_be_told_apart() {
    run(async {
        let outer = Deadline::after("outer", 2 * SECOND);
        let inner = Deadline::after("inner", SECOND);
        let result = outer.run(inner.run(sleep(10 * SECOND))).await;
        assert_eq!(result.unwrap().unwrap_err().to_string(), "the deadline `inner` has passed");

        let outer = Deadline::after("outer", SECOND);
        let inner = Deadline::after("inner", 2 * SECOND);
        let fired = outer.run(inner.run(sleep(10 * SECOND))).await.unwrap_err();
        assert_eq!(fired.deadline().map(ToString::to_string).as_deref(), Some("outer"));
    });
}

#[test]
fn a_deadline_moves_while_work_runs_under_it() {
    run(async {
        let start = Instant::now();
        let deadline = Deadline::after("moving", SECOND);
        let mover = deadline.clone();
        let result = deadline.run(async move {
            sleep(500 * MS).await;
            mover.reschedule(Some(Instant::now() + 3 * SECOND));
            sleep(10 * SECOND).await;
        });
        assert!(result.await.is_err());
        assert_eq!(start.elapsed(), 3500 * MS);

        let lifted = Deadline::after("lifted", SECOND);
        let lift = lifted.clone();
        let result = lifted.run(async move {
            lift.reschedule(None);
            sleep(10 * SECOND).await;
        });
        assert!(result.await.is_ok());
    });
}

#[test]
fn another_task_can_bring_a_deadline_forward() {
    run(async {
        scope(async |s| {
            let deadline = Deadline::at("none yet", None);
            let mover = deadline.clone();
            let start = Instant::now();
            s.spawn("mover", async move {
                sleep(SECOND).await;
                mover.reschedule(Some(Instant::now()));
            });
            assert!(deadline.run(std::future::pending::<()>()).await.is_err());
            assert_eq!(start.elapsed(), SECOND);
        })
        .await
    });
}

#[test]
fn work_may_finish_its_cleanup_and_then_the_deadline_has_fired() {
    run(async {
        let work = async {
            match until_cancelled(sleep(10 * SECOND)).await {
                Ok(()) => "whole",
                Err(_) => {
                    sleep(SECOND).await;
                    "partial"
                }
            }
        };
        assert_eq!(timeout(SECOND, work).await, Ok("partial"));
        Ok::<_, BoxError>(())
    });
}

#[test]
fn a_deadline_that_has_passed_still_gives_the_work_one_step() {
    let value = run(async { Value(timeout(std::time::Duration::ZERO, async { 1 }).await) });
    assert_eq!(value, Ok(1));
}

#[test]
fn a_deadline_waits_even_for_shields_that_outlast_the_grace() {
    let (runner, reports) = runner();
    let elapsed = runner.paused_clock().debug(false).grace(2 * SECOND).run(async {
        let start = Instant::now();
        let work = headcount_tasks::shield("commit", sleep(10 * SECOND));
        assert!(timeout(SECOND, work).await.is_err());
        start.elapsed()
    });
    assert_eq!(elapsed.unwrap(), 10 * SECOND);
    assert_eq!(reports.texts(), ["task `main` did not end within its grace and was dropped"]);
}

#[test]
fn a_deadline_over_several_pieces_of_work_moves_for_all_of_them() {
    run(async {
        let start = Instant::now();
        let deadline = Deadline::after("shared", 10 * SECOND);
        let works = [1, 2].map(|_| {
            let deadline = deadline.clone();
            async move {
                assert!(deadline.run(std::future::pending::<()>()).await.is_err());
                start.elapsed()
            }
        });
        let mover = async {
            sleep(SECOND).await;
            deadline.reschedule(Some(Instant::now() + 5 * SECOND));
            sleep(SECOND).await;
            deadline.reschedule(Some(Instant::now() + SECOND));
            Ok::<_, headcount_tasks::Error>(())
        };
        let (ends, moved) = futures_util::join!(headcount_tasks::gather(works), mover);
        moved?;
        assert_eq!(ends?, [3 * SECOND, 3 * SECOND]);
        Ok::<_, BoxError>(())
    });
}

#[test]
fn a_deadline_that_has_fired_stays_fired() {
    let (runner, reports) = runner();
    let elapsed = runner.paused_clock().debug(false).grace(2 * SECOND).run(async {
        let start = Instant::now();
        let deadline = Deadline::after("fired", SECOND);
        let mover = deadline.clone();
        let work = async move {
            let _told = until_cancelled(std::future::pending::<()>()).await;
            mover.reschedule(None);
            std::future::pending::<()>().await;
        };
        assert!(deadline.run(work).await.is_err());
        start.elapsed()
    });
    assert_eq!(elapsed.unwrap(), 3 * SECOND);
    assert_eq!(reports.texts(), ["task `main` did not end within its grace and was dropped"]);
}
