//! What destructors may do: panic, start tasks, cancel, wake and look at the tree. They run in the
//! midst of the loop's own work, which must neither break nor lose anything.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use headcount_tasks::{
    BoxError, Queue, Scope, TaskHandle, Value, current, label, scope, sleep, task_tree, until_cancelled,
    yield_now,
};

use crate::support::{Events, MS, SECOND, run, runner};

/// Calls a closure when it is dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_value_that_panics_when_it_is_dropped_is_a_failure_of_its_task() {
    let error = run(async {
        let result = scope(async |s| {
            let task = s.spawn("task", async { Value(Finally(|| panic!("in a value"))) });
            drop(task);
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.to_string(), "task `task` panicked: in a value");
}

#[test]
fn a_destructor_may_look_at_the_tree_and_name_its_task() {
    struct Busy;
    impl std::fmt::Display for Busy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            label("looked at");
            write!(f, "one of {}", current().map_or_else(String::new, |task| task.name().to_string()))
        }
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            label(format!("{} tasks", task_tree().tasks.len()).leak() as &'static str);
        }
    }
    run(async {
        scope(async |s| {
            let task = s.spawn("task", async {
                label(Rc::new(Busy));
                sleep(SECOND).await;
            });
            yield_now().await;
            assert!(task_tree().to_string().contains("one of main"));
            task.cancel();
        })
        .await
    });
}

#[test]
fn a_destructor_may_start_siblings_while_its_task_is_cancelled() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        scope(async |s| {
            let (group, events) = (s.clone(), events.clone());
            let task = s.spawn("first", async move {
                let _last_will = Finally(move || {
                    let events = events.clone();
                    group.spawn("second", async move { events.note("second") });
                });
                std::future::pending::<()>().await;
            });
            yield_now().await;
            task.cancel();
        })
        .await
    });
    assert_eq!(seen.joined(), "second");
}

#[test]
fn what_a_destructor_starts_in_a_failing_scope_is_dropped_unpolled() {
    let error = run(async {
        let result = scope(async |s| {
            let group = s.clone();
            s.spawn("victim", async move {
                let _last_will = Finally(move || {
                    let late = group.spawn("late", async { unreachable!("never polled") as () });
                    assert!(late.is_ended());
                });
                std::future::pending::<()>().await;
            });
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
fn destructors_may_cancel_and_abort_one_another() {
    type Handles = Rc<RefCell<Vec<TaskHandle<()>>>>;
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let handles = Handles::default();
        scope(async |s| {
            for number in 0..4 {
                let (others, events) = (handles.clone(), events.clone());
                let task = s.spawn(("task", number), async move {
                    let _revenge = Finally(move || {
                        events.note(number.to_string());
                        for other in &*others.borrow() {
                            other.cancel();
                            other.abort();
                        }
                    });
                    std::future::pending::<()>().await;
                });
                handles.borrow_mut().push(task);
            }
            yield_now().await;
            handles.borrow()[2].cancel();
            assert!(handles.borrow().iter().all(TaskHandle::is_ended));
        })
        .await?;
        handles.borrow_mut().clear();
        Ok::<_, BoxError>(())
    });
    let mut order: Vec<_> = seen.joined().split(' ').map(str::to_owned).collect();
    order.sort();
    assert_eq!(order, ["0", "1", "2", "3"]);
}

#[test]
fn a_child_may_cancel_or_abort_its_parent() {
    for abort in [false, true] {
        let events = Events::default();
        let seen = events.clone();
        run(async move {
            scope(async |s| {
                let parent = Rc::new(RefCell::new(None::<TaskHandle<()>>));
                let (own, inner) = (parent.clone(), events.clone());
                *parent.borrow_mut() = Some(s.spawn("parent", async move {
                    let _parent = inner.on_drop("parent");
                    let result = scope(async |s: &Scope| {
                        let (own, events) = (own.clone(), inner.clone());
                        s.spawn("child", async move {
                            let _child = events.on_drop("child");
                            yield_now().await;
                            if let Some(parent) = &*own.borrow() {
                                if abort { parent.abort() } else { parent.cancel() }
                            }
                            events.note("still");
                            sleep(SECOND).await;
                            events.note("never");
                        });
                    });
                    let _never = result.await;
                    inner.note("never");
                }));
                sleep(MS).await;
                assert!(parent.borrow().as_ref().is_some_and(TaskHandle::is_ended));
                parent.take();
            })
            .await
        });
        // The child stands in the midst of a poll, so an abort can only take the parent first.
        assert_eq!(seen.joined(), if abort { "parent still child" } else { "still child parent" });
    }
}

#[test]
fn a_destructor_that_puts_an_item_wakes_the_getter() {
    run(async {
        let queue = Queue::new("q", 1);
        scope(async |s| {
            let (putting, getting) = (queue.clone(), queue.clone());
            let getter = s.spawn("getter", async move { getting.get().await.map(|item| *item) });
            let putter = s.spawn("putter", async move {
                let _last_will = Finally(move || assert!(putting.try_put(7).is_ok()));
                std::future::pending::<()>().await;
            });
            yield_now().await;
            putter.cancel();
            assert_eq!(getter.await?, Some(7));
            Ok::<_, BoxError>(())
        })
        .await
    });
}

#[test]
fn panics_of_several_destructors_are_all_told() {
    let error = run(async {
        let result = scope(async |s| {
            for number in 0..3 {
                s.spawn(("task", number), async move {
                    let _bomb = Finally(move || panic!("bomb {number}"));
                    std::future::pending::<()>().await;
                });
            }
            yield_now().await;
            s.cancel_children();
        });
        Value(result.await.unwrap_err())
    });
    assert_eq!(error.failures().len(), 3, "{error}");
}

/// A future that is forgotten rather than dropped cannot clean up; its children end all the same.
#[test]
fn a_forgotten_scope_does_not_keep_its_task_from_ending() {
    let events = Events::default();
    let seen = events.clone();
    run(async move {
        let guard = Rc::new(Cell::new(Some(events.on_drop("child"))));
        let mut forgotten = Box::pin(scope(async move |s| {
            let guard = guard.take();
            s.spawn("child", async move {
                let _guard = guard;
                let _told = until_cancelled(std::future::pending::<()>()).await;
            });
            std::future::pending::<()>().await;
        }));
        assert!(futures_util::poll!(forgotten.as_mut()).is_pending());
        yield_now().await;
        std::mem::forget(forgotten);
    });
    assert_eq!(seen.joined(), "child");
}

#[test]
fn daemons_end_in_the_order_in_which_they_were_started() {
    let events = Events::default();
    let seen = events.clone();
    let (runner, _reports) = runner();
    let main = async move {
        for name in ["a", "b", "c"] {
            let guard = events.on_drop(name);
            let pending = async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            };
            drop(headcount_tasks::daemon(name, pending)?);
        }
        yield_now().await;
        events.note("main");
        Ok::<_, BoxError>(())
    };
    runner.paused_clock().debug(false).run(main).unwrap();
    assert_eq!(seen.joined(), "main a b c");
}
