//! The watchdog, the tree, deadlocks, and futures that were never polled.

use headcount_tasks::{BoxError, Queue, current, gather, label, scope, sleep, task_tree, yield_now};

use crate::support::{MS, SECOND, run, runner};

/// Blocks a loop in a task; gives the report's text, whether it came before the block ended, and the
/// line that blocks.
#[expect(clippy::disallowed_methods, reason = "blocking the loop is what these tests are about")]
fn block(busy: bool) -> (String, bool, u32) {
    let (runner, reports) = runner();
    let seen = reports.clone();
    let blocker = async move {
        let start = std::time::Instant::now();
        let line = if busy {
            while start.elapsed() < SECOND {}
            line!() - 1
        } else {
            std::thread::sleep(SECOND);
            line!() - 1
        };
        (seen.contain("blocker"), line)
    };
    let main = async move { scope(async |s| s.spawn("blocker", blocker).await).await };
    let (in_time, line) = runner.debug(true).run(main).unwrap();
    (reports.texts().concat(), in_time, line)
}

#[test]
fn the_watchdog_names_a_blocked_task_and_its_line_before_the_block_ends() {
    for busy in [false, true] {
        // On a machine busy with other tests the watchdog's thread may get its turn too late.
        let attempts = std::iter::repeat_with(|| block(busy)).take(20);
        let (report, _, line) = attempts.into_iter().find(|(_, in_time, _)| *in_time).expect("told in time");
        assert!(report.starts_with("task `blocker`, spawned at "), "{report}");
        if cfg!(target_os = "linux") {
            assert!(report.contains(&format!("diagnosis.rs:{line} (")), "{line} in {report}");
        }
    }
}

#[test]
fn the_tree_shows_state_age_waits_and_labels() {
    let tree = run(async {
        let queue = Queue::<u8>::new("urls", 1);
        scope(async |s| {
            let waiting = queue.clone();
            s.spawn("worker", async move {
                label(std::rc::Rc::new(String::from("https://a.example/")));
                let _item = waiting.get().await;
            });
            s.spawn("parent", async {
                scope(async |s| {
                    s.spawn("child", sleep(10 * SECOND));
                })
                .await
            });
            sleep(2 * SECOND).await;
            s.spawn("fresh", async {});
            let tree = task_tree().to_string();
            s.cancel_children();
            tree
        })
        .await
    });
    insta::assert_snapshot!(tree, @r"
    5 tasks
      main (running, 2.0s)
        worker (waiting, 2.0s) waits for an item of queue `urls`: https://a.example/
        parent (waiting, 2.0s) waits for its children
          child (waiting, 2.0s) waits for a timer
        fresh (new, 0.0ns)
    ");
}

/// A deadlock ends only when somebody from outside cancels the run, so the report itself does it:
/// it comes on the loop's own thread.
#[test]
fn a_queue_filled_before_its_workers_start_is_a_deadlock_that_debug_mode_explains() {
    let (runner, reports) = runner();
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let sink = reports.sink();
    let running = std::thread::spawn(move || {
        let report = move |report: &headcount_tasks::Report| {
            sink(report);
            let _full = tell.try_send(());
        };
        // The thread stays in its deadlock, as a program would, until the process ends.
        runner.debug(true).on_report(report).run(async {
            let queue = Queue::new("jobs", 2);
            for number in 0..3 {
                queue.put(number).await?;
            }
            Ok::<_, BoxError>(())
        })
    });
    told.recv_timeout(10 * SECOND).expect("the deadlock is reported");
    assert!(!running.is_finished());
    let text = reports.texts()[0].replace("0.0ns", "0s");
    assert!(text.starts_with("deadlock: every task waits and nothing can wake one of them"), "{text}");
    assert!(text.contains("waits for room in queue `jobs`"), "{text}");
}

#[test]
fn futures_handed_over_and_never_polled_are_reported() {
    let (runner, reports) = runner();
    runner
        .paused_clock()
        .debug(true)
        .run(async {
            scope(async |s| {
                s.spawn("early", async {}).cancel();
                drop(gather([async {}]));
                yield_now().await;
            })
            .await
        })
        .unwrap();
    let texts = reports.texts();
    assert!(texts[0].starts_with("`early`, made at "), "{texts:?}");
    assert!(texts[1].starts_with("`gather`, made at "), "{texts:?}");
}

#[test]
fn the_current_task_knows_its_name() {
    run(async {
        assert_eq!(current().unwrap().name().to_string(), "main");
        sleep(MS).await;
        Ok::<_, BoxError>(())
    });
    assert!(current().is_none());
}

#[test]
fn the_tree_names_the_task_that_is_waited_for() {
    let tree = run(async {
        scope(async |s| {
            let slow = s.spawn("slow", sleep(10 * SECOND));
            let waits = s.spawn("waits", slow);
            yield_now().await;
            let tree = task_tree().to_string();
            s.cancel_children();
            drop(waits);
            tree
        })
        .await
    });
    assert!(tree.contains("waits (waiting, 0.0ns) waits for task `slow`"), "{tree}");
}

#[test]
fn queues_made_before_the_run_or_in_another_have_their_names() {
    let waiting = |queue: Queue<u8>| async move {
        let _other = Queue::<u8>::new("other", 1);
        scope(async |s| {
            s.spawn("worker", async move { drop(queue.get().await) });
            yield_now().await;
            let tree = task_tree().to_string();
            s.cancel_children();
            tree
        })
        .await
    };
    let before = Queue::new("before", 1);
    let tree = run(waiting(before.clone()));
    assert!(tree.contains("an item of queue `before`"), "{tree}");
    let tree = run(waiting(before));
    assert!(tree.contains("an item of queue `before`"), "{tree}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "so do libraries, and those are the subject")]
fn a_task_of_a_library_beside_the_loop_is_no_deadlock() {
    let (runner, reports) = runner();
    let main = async {
        let queue = Queue::new("q", 1);
        let putting = queue.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(SECOND).await;
            assert!(putting.try_put(1).is_ok());
        });
        queue.get().await.map(|item| *item)
    };
    assert_eq!(runner.paused_clock().debug(true).run(main).unwrap(), Some(1));
    assert_eq!(reports.texts(), Vec::<String>::new());
}
