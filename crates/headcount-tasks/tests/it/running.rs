//! Runs: their beginning, their end, and the order of their ready tasks.

use std::cell::Cell;
use std::rc::Rc;

use headcount_tasks::{
    BoxError, LoopExecutor, Runner, Value, daemon, gather, run, scope, sleep, to_thread, yield_now,
};
use tokio::time::Instant;

use crate::support::{self, Events, MS, SECOND, runner};

#[test]
fn a_nested_run_is_refused() {
    let error = support::run(async { Value(run(async { 1 }).unwrap_err()) });
    assert!(error.is_nested_run());
    insta::assert_snapshot!(error, @"`run` was called inside a running event loop, ours or tokio's: await the future instead, or use a thread of its own");
}

#[test]
fn nothing_is_spawned_where_no_loop_runs() {
    let error = daemon("lost", async {}).unwrap_err();
    assert!(error.is_no_loop());
    insta::assert_snapshot!(error, @"`daemon` needs an event loop, and none runs on this thread: call it inside `run`");
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(tokio.block_on(scope(async |_| ())).unwrap_err().is_no_loop());
}

#[test]
fn main_gives_its_value_error_or_panic() {
    let runner = || Runner::new().signals(false);
    assert_eq!(runner().run(async { 3 }).unwrap(), 3);
    let error = runner().run(async { Err::<(), _>(std::io::Error::other("no")) }).unwrap_err();
    assert!(error.is_failure() && error.find::<std::io::Error>().is_some());
    let error = runner().name("start").run(async { assert_eq!(1 + 1, 3) }).unwrap_err();
    assert!(error.is_panic() && error.to_string().starts_with("task `start` panicked"));
}

#[test]
fn the_same_seed_gives_the_same_order_and_another_seed_another() {
    let order = |seed| {
        let events = Events::default();
        let seen = events.clone();
        let main = async move {
            scope(async |s| {
                for number in 0..8_usize {
                    let events = events.clone();
                    s.spawn(("task", number), async move {
                        for _ in 0..3 {
                            yield_now().await;
                            events.note(number.to_string());
                        }
                    });
                }
            })
            .await
        };
        Runner::new().signals(false).seed(seed).run(main).unwrap();
        seen.joined()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}

#[test]
fn yields_keep_the_order_of_tasks() {
    let events = Events::default();
    let seen = events.clone();
    support::run(async move {
        scope(async |s| {
            for name in ["a", "b", "c"] {
                let events = events.clone();
                s.spawn(name, async move {
                    for _ in 0..3 {
                        events.note(name);
                        yield_now().await;
                    }
                });
            }
        })
        .await
    });
    assert_eq!(seen.joined(), "a b c a b c a b c");
}

/// tokio counts the cooperative budget against its one task, the loop: see `poll_within_budget`.
#[test]
fn every_task_has_a_cooperative_budget_of_its_own() {
    support::run(async {
        scope(async |s| {
            for number in 0..3_usize {
                let (send, mut receive) = tokio::sync::mpsc::channel(100);
                for _ in 0..100 {
                    send.try_send(()).unwrap();
                }
                s.spawn(("reader", number), async move {
                    for _ in 0..100 {
                        // With the 128 of one budget shared by all three, this would pend.
                        assert!(futures_util::poll!(Box::pin(receive.recv())).is_ready());
                    }
                });
            }
        })
        .await
    });
}

#[test]
fn timers_come_through_while_tasks_keep_yielding() {
    Runner::new()
        .signals(false)
        .run(async {
            scope(async |s| {
                let busy = s.spawn("busy", async {
                    loop {
                        yield_now().await;
                    }
                });
                sleep(5 * MS).await;
                busy.cancel();
            })
            .await
        })
        .unwrap();
}

#[test]
fn long_polls_end_a_turn_before_its_61st() {
    let polls = Runner::new()
        .signals(false)
        .debug(false)
        .run(async {
            let polls = Rc::new(Cell::new(0));
            let counted = Rc::clone(&polls);
            scope(async move |s| {
                let busy = s.spawn("busy", async move {
                    loop {
                        let begun = Instant::now();
                        while begun.elapsed() < 2 * MS {
                            std::hint::spin_loop();
                        }
                        counted.set(counted.get() + 1);
                        yield_now().await;
                    }
                });
                sleep(MS).await;
                busy.cancel();
            })
            .await?;
            Ok::<_, BoxError>(Value(polls.get()))
        })
        .unwrap()
        .0;
    assert!(polls < 20, "a timer of a millisecond was heard after {polls} polls of two");
}

#[test]
fn tokio_sockets_and_wakes_from_threads_work_inside() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let text = Runner::new().signals(false).run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        scope(async |s| {
            s.spawn("server", async move {
                let (mut stream, _) = listener.accept().await?;
                stream.write_all(b"hello").await
            });
            let client = s.spawn("client", async move {
                let mut stream = tokio::net::TcpStream::connect(address).await?;
                let mut text = String::new();
                stream.read_to_string(&mut text).await?;
                Ok::<_, std::io::Error>(text)
            });
            let computed = to_thread("double", || 21_u32 * 2).await?;
            Ok::<_, BoxError>(format!("{} {computed}", client.await?))
        })
        .await
        .map_err(BoxError::from)
    });
    assert_eq!(text.unwrap(), "hello 42");
}

#[test]
fn several_loops_run_on_several_threads() {
    let threads: Vec<_> = (0..3)
        .map(|number| {
            std::thread::spawn(move || {
                let main = async move {
                    sleep(MS).await;
                    number
                };
                Runner::new().signals(false).run(main).unwrap()
            })
        })
        .collect();
    let numbers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn libraries_spawn_daemons_through_the_executor() {
    let events = Events::default();
    let seen = events.clone();
    support::run(async move {
        let executor = LoopExecutor::new("library");
        let (events, guard) = (events.clone(), events.on_drop("ended"));
        executor.spawn(async move {
            let _guard = guard;
            events.note("started");
            sleep(100 * SECOND).await;
        });
        yield_now().await;
    });
    assert_eq!(seen.joined(), "started ended");
}

#[test]
fn a_call_that_outlives_the_run_is_named() {
    let (runner, reports) = runner();
    let (go_on, wait) = std::sync::mpsc::sync_channel::<()>(0);
    runner
        .grace(20 * MS)
        .run(async move {
            let (begin, begun) = tokio::sync::oneshot::channel();
            let call = to_thread("endless", move || {
                let _told = begin.send(());
                wait.recv().unwrap_or(());
            });
            begun.await.unwrap();
            assert!(headcount_tasks::timeout(5 * MS, call).await.is_err());
            assert_eq!(headcount_tasks::task_tree().threads.len(), 1);
        })
        .unwrap();
    drop(go_on);
    assert_eq!(reports.texts(), ["still running at the end: thread `endless`"]);
}

#[test]
fn a_check_tries_many_orders_and_names_the_seed_that_fails() {
    let orders = std::rc::Rc::new(std::cell::RefCell::new(std::collections::BTreeSet::new()));
    let seen = orders.clone();
    headcount_tasks::testing::check(move || {
        let orders = orders.clone();
        async move {
            let events = Events::default();
            let noting = events.clone();
            gather((0..4).map(move |number| {
                let events = noting.clone();
                async move { events.note(number.to_string()) }
            }))
            .await?;
            orders.borrow_mut().insert(events.joined());
            Ok::<_, BoxError>(())
        }
    });
    assert!(seen.borrow().len() > 5, "{:?}", seen.borrow());
    let failing = || headcount_tasks::testing::check_seed(3, async { Err::<(), _>("unlucky") });
    let text = std::panic::catch_unwind(failing).unwrap_err();
    assert_eq!(text.downcast_ref::<String>().unwrap(), "task `main` failed: unlucky");
}

#[test]
fn a_blocking_thread_can_run_a_loop_of_its_own() {
    let value = Runner::new()
        .signals(false)
        .run(async { to_thread("inner", || Runner::new().signals(false).run(async { 5 })).await });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn a_call_that_never_got_a_thread_is_taken_out_of_the_queue() {
    let (runner, reports) = runner();
    let (go_on, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let (begin, begun) = tokio::sync::oneshot::channel();
    runner
        .grace(20 * MS)
        .blocking_threads(1)
        .run(async move {
            let first = to_thread("first", move || {
                let _told = begin.send(());
                wait.recv().unwrap_or(());
            });
            begun.await.unwrap();
            let mut second = Box::pin(to_thread("second", || ()));
            assert!(futures_util::poll!(second.as_mut()).is_pending());
            drop(second);
            drop(first);
            let threads = headcount_tasks::task_tree().threads;
            assert_eq!(threads.len(), 1, "{threads:?}");
        })
        .unwrap();
    drop(go_on);
    assert_eq!(reports.texts(), ["still running at the end: thread `first`"]);
}

#[test]
fn tasks_that_do_not_end_after_the_run_are_named_and_waited_for() {
    let (runner, reports) = runner();
    let events = Events::default();
    let seen = events.clone();
    let main = async move {
        let committed = async move {
            sleep(10 * SECOND).await;
            events.note("committed");
        };
        drop(daemon("holder", async { headcount_tasks::shield("commit", committed).await })?);
        yield_now().await;
        Ok::<_, BoxError>(())
    };
    runner.paused_clock().debug(false).grace(SECOND).run(main).unwrap();
    assert_eq!(seen.joined(), "committed");
    let texts = reports.texts();
    assert!(
        texts.iter().any(|text| text == "still running at the end: task `holder`, task `commit`"),
        "{texts:?}"
    );
}
