//! Random trees of tasks that succeed, fail, panic, block, ignore cancellation, clean up, share permits
//! and items, or are dropped in mid-await, under random seeds: no child outlives its scope, no
//! failure, permit or item is lost, nobody who cleans up in time is dropped, and there is always an end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use headcount_tasks::{
    BoxError, Queue, Semaphore, gather, gather_results, race, scope, shield, sleep, timeout, to_thread,
    until_cancelled,
};
use proptest::prelude::*;

use crate::support::{MS, SECOND, runner};

#[derive(Clone, Debug)]
enum Act {
    Succeed(u32),
    Fail(u32),
    Panic(u32),
    Ignore,
    /// Keeps the loop from turning for a moment, between two awaits.
    Block(u32),
    /// Blocks a thread instead.
    OffLoop(u32),
    CleanUp {
        work: u32,
        cleanup: u32,
        fails: bool,
    },
    Permit(u32),
    Put,
    Get,
    Shield(u32),
    Scope(Vec<Act>),
    CancelOne(Vec<Act>, u32, bool),
    Timeout(u32, Vec<Act>),
    Gather(Vec<Act>, usize),
    GatherResults(Vec<Act>),
    Race(Vec<Act>),
    DropMidAwait(Vec<Act>),
}

fn acts() -> impl Strategy<Value = Act> {
    let leaf = prop_oneof![
        4 => (0..50_u32).prop_map(Act::Succeed),
        1 => (0..50_u32).prop_map(Act::Fail),
        1 => (0..50_u32).prop_map(Act::Panic),
        1 => Just(Act::Ignore),
        1 => (0..50_u32).prop_map(Act::Block),
        1 => (0..20_u32).prop_map(Act::OffLoop),
        3 => (0..50_u32, 0..3000_u32, any::<bool>())
            .prop_map(|(work, cleanup, fails)| Act::CleanUp { work, cleanup, fails }),
        3 => (0..50_u32).prop_map(Act::Permit),
        3 => Just(Act::Put),
        3 => Just(Act::Get),
        1 => (0..2000_u32).prop_map(Act::Shield),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let some = prop::collection::vec(inner, 0..5);
        prop_oneof![
            2 => some.clone().prop_map(Act::Scope),
            2 => (some.clone(), 0..50_u32, any::<bool>()).prop_map(|(some, at, abort)| Act::CancelOne(some, at, abort)),
            2 => (0..50_u32, some.clone()).prop_map(|(at, some)| Act::Timeout(at, some)),
            1 => (some.clone(), 1..4_usize).prop_map(|(some, limit)| Act::Gather(some, limit)),
            1 => some.clone().prop_map(Act::GatherResults),
            1 => some.clone().prop_map(Act::Race),
            2 => some.prop_map(Act::DropMidAwait),
        ]
    })
}

/// Blocks whatever thread it runs on for some microseconds.
fn spin() {
    for _ in 0..20_000 {
        std::hint::spin_loop();
    }
}

/// What all tasks of a tree share.
#[derive(Clone)]
struct World {
    alive: Rc<Cell<usize>>,
    next: Rc<Cell<u32>>,
    /// Failures that happened and that somebody has to hear of.
    failed: Rc<RefCell<BTreeSet<u32>>>,
    /// Within a race, which forgets the failures of the losers by design.
    forgotten: bool,
    permits: Semaphore,
    queue: Queue<u32>,
    put: Rc<Cell<usize>>,
    got: Rc<Cell<usize>>,
}

struct Alive(Rc<Cell<usize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl World {
    fn new() -> Self {
        Self {
            alive: Rc::default(),
            next: Rc::default(),
            failed: Rc::default(),
            forgotten: false,
            permits: Semaphore::new("permits", 2),
            queue: Queue::new("items", 2),
            put: Rc::default(),
            got: Rc::default(),
        }
    }

    fn failure(&self) -> String {
        let number = self.next.replace(self.next.get() + 1);
        if !self.forgotten {
            self.failed.borrow_mut().insert(number);
        }
        format!("<{number}>")
    }

    fn enter(&self) -> Alive {
        self.alive.set(self.alive.get() + 1);
        Alive(Rc::clone(&self.alive))
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

fn perform(act: Act, world: World) -> Boxed {
    Box::pin(async move {
        let _alive = world.enter();
        let children = |acts: Vec<Act>, world: World| async move {
            scope(async |s| {
                for act in acts {
                    drop(s.spawn("child", perform(act, world.clone())));
                }
            })
            .await
        };
        match act {
            Act::Succeed(ms) => sleep(MS * ms).await,
            Act::Fail(ms) => {
                sleep(MS * ms).await;
                return Err(world.failure().into());
            }
            Act::Panic(ms) => {
                sleep(MS * ms).await;
                std::panic::resume_unwind(Box::new(world.failure()));
            }
            Act::Ignore => {
                for _ in 0..10 {
                    let _ignored = until_cancelled(sleep(SECOND)).await;
                }
            }
            Act::Block(ms) => {
                sleep(MS * ms).await;
                spin();
                sleep(MS * ms).await;
            }
            Act::OffLoop(ms) => {
                to_thread("a blocking call", spin).await?;
                sleep(MS * ms).await;
            }
            Act::CleanUp { work, cleanup, fails } => {
                if let Err(cancelled) = until_cancelled(sleep(MS * work)).await {
                    sleep(MS * cleanup).await;
                    if fails {
                        return Err(world.failure().into());
                    }
                    return Err(cancelled.into());
                }
            }
            Act::Permit(ms) => {
                let _permit = world.permits.acquire().await;
                sleep(MS * ms).await;
            }
            Act::Put => {
                // Noted in the same poll in which the item is accepted or not.
                let before = world.queue.put(1);
                before.await.map_err(|_| "closed")?;
                world.put.set(world.put.get() + 1);
            }
            Act::Get => {
                if let Ok(Some(_item)) = timeout(MS * 100, world.queue.get()).await {
                    world.got.set(world.got.get() + 1);
                }
            }
            Act::Shield(ms) => {
                let alive = world.enter();
                let shielded = async move {
                    let _alive = alive;
                    sleep(MS * ms).await;
                };
                shield("shielded", shielded).await?;
            }
            Act::Scope(acts) => children(acts, world.clone()).await?,
            Act::CancelOne(acts, at, abort) => {
                let (spawned, inner) = (acts, world.clone());
                scope(async |s| {
                    let mut handles: Vec<_> = spawned
                        .into_iter()
                        .map(|act| s.spawn("child", perform(act, inner.clone())))
                        .collect();
                    sleep(MS * at).await;
                    if let Some(handle) = handles.pop() {
                        if abort {
                            handle.abort();
                        } else {
                            handle.cancel();
                        }
                    }
                })
                .await?;
            }
            Act::Timeout(at, acts) => {
                if let Ok(result) = timeout(MS * at, children(acts, world.clone())).await {
                    result?;
                }
            }
            Act::Gather(acts, limit) => {
                let inner = world.clone();
                gather(acts.into_iter().map(move |act| perform(act, inner.clone()))).limit(limit).await?;
            }
            Act::GatherResults(acts) => {
                let inner = world.clone();
                let all =
                    gather_results(acts.into_iter().map(move |act| perform(act, inner.clone()))).await?;
                for result in all {
                    if let Err(error) = result {
                        for part in numbers(&error.to_string()) {
                            world.failed.borrow_mut().remove(&part);
                        }
                    }
                }
            }
            Act::Race(acts) => {
                let inner = World { forgotten: true, ..world.clone() };
                let _any = race(acts.into_iter().map(move |act| perform(act, inner.clone()))).await;
            }
            Act::DropMidAwait(acts) => {
                let mut work = Box::pin(children(acts, world.clone()));
                for _ in 0..2 {
                    if let std::task::Poll::Ready(result) = futures_util::poll!(work.as_mut()) {
                        result?;
                        return Ok(());
                    }
                    sleep(MS * 5).await;
                }
            }
        }
        Ok(())
    })
}

/// Whether something in it does not end when it is asked to.
fn is_stubborn(act: &Act) -> bool {
    match act {
        Act::Ignore => true,
        Act::Scope(acts)
        | Act::CancelOne(acts, ..)
        | Act::Timeout(_, acts)
        | Act::Gather(acts, _)
        | Act::GatherResults(acts)
        | Act::Race(acts)
        | Act::DropMidAwait(acts) => acts.iter().any(is_stubborn),
        _ => false,
    }
}

/// The numbers of the failures that a text tells of.
fn numbers(text: &str) -> Vec<u32> {
    let parts = text.split('<').filter_map(|part| part.split_once('>'));
    parts.filter_map(|(number, _)| number.parse().ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_outlives_its_scope(act in acts(), seed in any::<u64>()) {
        let (runner, reports) = runner();
        let may_be_late = is_stubborn(&act);
        let main = async move {
            let world = World::new();
            let inner = world.clone();
            let whole = timeout(SECOND * 100_000, scope(async move |s| {
                drop(s.spawn("top", perform(act, inner)));
            }));
            // Whoever waits for items or room for ever is cancelled when all others are through.
            let result = timeout(SECOND * 1_000, whole).await;
            let told = match &result {
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(_) | Err(_) => String::new(),
            };
            assert_eq!(world.alive.get(), 0, "tasks alive after their scope");
            assert_eq!(world.permits.available(), 2, "permits");
            let left = world.queue.close_and_drain().len();
            assert!(world.got.get() + left >= world.put.get(), "items lost");
            assert_eq!(world.queue.unfinished(), 0, "items not done");
            let failed = world.failed.borrow().clone();
            Ok::<_, BoxError>((told, failed.into_iter().collect::<Vec<_>>()))
        };
        let (told, failed) = runner.paused_clock().debug(false).seed(seed).run(main).unwrap();
        let mut heard: BTreeSet<u32> = numbers(&told).into_iter().collect();
        for report in reports.texts() {
            heard.extend(numbers(&report));
        }
        // Whoever ends in time is woken in time, and never dropped for being late.
        prop_assert!(may_be_late || !reports.contain("within its grace"), "late: {:?}", reports.texts());
        for number in failed {
            prop_assert!(heard.contains(&number), "failure {number} lost; heard {told} and {:?}", reports.texts());
        }
    }
}
