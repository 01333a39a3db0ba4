//! `gather`, `as_completed` and `race`: results in order, nothing outlives them.

use std::cell::Cell;
use std::rc::Rc;

use headcount_tasks::{BoxError, Value, as_completed, gather, gather_results, race, scope, sleep, timeout};
use tokio::time::Instant;

use crate::support::{Events, SECOND, run, runner};

async fn after(seconds: u32) -> u32 {
    sleep(SECOND * seconds).await;
    seconds
}

#[test]
fn gather_gives_results_in_the_order_given_after_the_longest() {
    run(async {
        let start = Instant::now();
        assert_eq!(gather([3, 1, 2].map(after)).await?, [3, 1, 2]);
        assert_eq!(start.elapsed(), 3 * SECOND);
        assert!(gather(Vec::<std::future::Ready<u8>>::new()).await?.is_empty());
        Ok::<_, BoxError>(())
    });
}

#[test]
fn gather_fails_fast_and_waits_for_the_cancelled_rest() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let guard = Cell::new(Some(events.on_drop("sibling")));
        let error = gather((0..2).map(move |number| {
            let guard = guard.take().filter(|_| number == 0);
            async move {
                let _guard = guard;
                sleep(SECOND * if number == 0 { 100 } else { 1 }).await;
                Err::<(), _>("broken")
            }
        }));
        assert_eq!(error.await.unwrap_err().to_string(), "task `gather[1]` failed: broken");
        events.note("returned");
    });
    assert_eq!(seen.joined(), "sibling returned");
}

#[test]
fn gather_results_gives_errors_and_panics_as_data() {
    let texts = run(async {
        let results = gather_results((0..3).map(|number| async move {
            match number {
                0 => Ok(number),
                1 => Err("broken"),
                _ => panic!("oh"),
            }
        }));
        let texts = results.await?.into_iter().map(|result| match result {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        });
        Ok::<_, BoxError>(texts.collect::<Vec<_>>())
    });
    assert_eq!(texts, ["0", "task `gather[1]` failed: broken", "task `gather[2]` panicked: oh"]);
}

#[test]
fn a_limit_starts_the_next_when_one_has_ended() {
    run(async {
        let (now, most, asked) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let start = Instant::now();
        let (running, peak, pulled) = (now.clone(), most.clone(), asked.clone());
        let jobs = (0..20).map(move |_| {
            pulled.set(pulled.get() + 1);
            assert!(pulled.get() <= 5 + 5 * u32::try_from(start.elapsed().as_secs()).unwrap());
            let (running, peak) = (running.clone(), peak.clone());
            async move {
                running.set(running.get() + 1);
                peak.set(peak.get().max(running.get()));
                sleep(SECOND).await;
                running.set(running.get() - 1);
            }
        });
        gather(jobs).limit(5).await?;
        assert_eq!((most.get(), start.elapsed()), (5, 4 * SECOND));
        Ok::<_, BoxError>(())
    });
}

#[test]
fn as_completed_gives_the_first_to_finish_first() {
    run(async {
        let mut order = Vec::new();
        let mut stream = as_completed([3, 2, 1].map(after));
        while let Some(done) = stream.next().await {
            order.push(done?);
        }
        assert_eq!(order, [1, 2, 3]);
        Ok::<_, BoxError>(())
    });
}

#[test]
fn a_dropped_stream_cancels_the_rest_and_reports_what_nobody_took() {
    let (runner, reports) = runner();
    let main = runner.paused_clock().debug(false).run(async {
        let mut stream = as_completed((0..3).map(|number| async move {
            sleep(SECOND * u32::from(number > 1)).await;
            if number == 1 { Err("lost") } else { Ok(number) }
        }));
        assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        sleep(SECOND / 2).await;
    });
    main.unwrap();
    assert_eq!(reports.texts(), ["an error nobody took: task `as_completed[1]` failed: lost"]);
}

#[test]
fn a_race_gives_the_first_success_and_waits_for_the_losers() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let mirrors = (1..4_u32).map({
            let events = events.clone();
            move |number| {
                let guard = events.on_drop(number.to_string());
                async move {
                    let _guard = guard;
                    sleep(SECOND * number).await;
                    if number == 1 { Err("down") } else { Ok(number) }
                }
            }
        });
        assert_eq!(race(mirrors).await?, 2);
        events.note("returned");
        Ok::<_, BoxError>(())
    });
    assert_eq!(seen.joined(), "1 2 3 returned");
}

#[test]
fn a_deadline_over_gather_waits_for_its_tasks() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let guard = events.on_drop("task");
        let gathered = gather([async move {
            let _guard = guard;
            sleep(100 * SECOND).await;
        }]);
        assert!(timeout(SECOND, gathered).await.is_err());
        events.note("returned");
    });
    assert_eq!(seen.joined(), "task returned");
}

#[test]
fn a_race_without_a_winner_gives_every_failure() {
    let error = run(async {
        let fail = |text: &'static str| async move { Err::<(), _>(text) };
        Value(race(["a", "b"].map(fail)).await.unwrap_err())
    });
    assert_eq!(error.to_string(), "2 tasks failed: task `race[0]` failed: a; task `race[1]` failed: b");
}

#[test]
fn what_fails_after_its_stream_was_dropped_is_reported() {
    let (runner, reports) = runner();
    let main = runner.paused_clock().debug(false).run(async {
        let mut stream = as_completed([async {
            let _told = headcount_tasks::until_cancelled(sleep(SECOND)).await;
            Err::<(), _>("on the way out")
        }]);
        assert!(futures_util::poll!(Box::pin(stream.next())).is_pending());
        headcount_tasks::yield_now().await;
        drop(stream);
        sleep(SECOND).await;
    });
    main.unwrap();
    assert_eq!(reports.texts(), ["an error nobody took: task `as_completed[0]` failed: on the way out"]);
}

#[test]
fn a_cancelled_consumer_of_a_stream_hears_nothing_of_the_tasks_cancelled_with_it() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let events = events.clone();
            let consumer = s.spawn("consumer", async move {
                let mut stream = as_completed([10, 20].map(after));
                while let Some(done) = stream.next().await {
                    events.note(format!("{done:?}"));
                    done?;
                }
                Ok::<_, BoxError>(())
            });
            sleep(SECOND).await;
            consumer.cancel();
            assert!(consumer.await.unwrap_err().is_cancelled());
        })
        .await
    });
    assert_eq!(seen.joined(), "");
}

#[test]
fn a_gather_whose_child_was_cancelled_names_it() {
    let error = run(async {
        let cancelled = gather([async { Err::<(), _>(headcount_tasks::Cancelled) }]);
        Value(cancelled.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `gather[0]` was cancelled");
}

#[test]
fn a_race_without_runners_says_so() {
    let error = run(async { Value(race(Vec::<std::future::Ready<()>>::new()).await.unwrap_err()) });
    assert!(error.failures().is_empty());
    assert_eq!(error.to_string(), "there was no task to succeed");
}

#[test]
fn limits_of_none_and_of_more_than_there_are() {
    run(async {
        let start = Instant::now();
        assert_eq!(gather([1, 1, 1].map(after)).limit(0).await?, [1, 1, 1]);
        assert_eq!(start.elapsed(), 3 * SECOND, "one at a time is the least");
        assert_eq!(gather([1, 1, 1].map(after)).limit(usize::MAX).await?, [1, 1, 1]);
        assert_eq!(start.elapsed(), 4 * SECOND);
        assert_eq!(gather_results([1, 1, 1].map(after)).limit(2).await?.len(), 3);
        assert_eq!(start.elapsed(), 6 * SECOND);
        assert_eq!(race([2, 1].map(after)).limit(1).await?, 2, "the second is never started");
        assert_eq!(start.elapsed(), 8 * SECOND);
        let mut stream = as_completed([2, 1].map(after)).limit(1);
        assert_eq!(stream.next().await.transpose()?, Some(2), "the second waits for the first");
        let mut stream = as_completed(Vec::<std::future::Ready<()>>::new());
        assert!(stream.next().await.is_none() && stream.next().await.is_none());
        Ok::<_, BoxError>(())
    });
}
