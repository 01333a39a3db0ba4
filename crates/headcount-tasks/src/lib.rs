//! An event loop whose tasks cannot be lost: asyncio's vocabulary as structured concurrency, on
//! tokio's sockets and timers.
//!
//! A *task* is a piece of work that waits a great deal: for answers, timers, other tasks. Thousands
//! of them share one thread, because while one waits, others run. A *scope* is a block that tasks
//! are started in, and that is left only when all of them have ended. If one fails, the others are
//! asked to end, and the failure comes out of the block. So there is always somebody who waits for a
//! task, and somebody who hears of its error.
//!
//! # A program
//!
//! A kitchen takes five orders. Two cooks share one oven; what bakes for more than an hour is
//! given up, and when the evening is over everybody goes home.
//!
//! ```
//! use std::time::Duration;
//! use headcount_tasks::{BoxError, Queue, Semaphore, run, scope, sleep, timeout};
//!
//! const MINUTE: Duration = Duration::from_millis(1);
//!
//! /// Cooks one dish. Only as many as the oven has places bake at the same time.
//! async fn cook(dish: &str, oven: &Semaphore) -> Result<String, BoxError> {
//!     let baking_time = match dish {
//!         "soup" => return Err("the pot is broken".into()),
//!         "roast" => 90,
//!         _ => 10,
//!     };
//!     let _place = oven.acquire().await; // given back at the end of the function
//!     match timeout(60 * MINUTE, sleep(baking_time * MINUTE)).await {
//!         Ok(()) => Ok(format!("a hot {dish}")),
//!         Err(_elapsed) => Err("it took too long".into()),
//!     }
//! }
//!
//! async fn evening() -> Result<Vec<String>, BoxError> {
//!     let orders = Queue::<&str>::new("orders", 2); // room for two: who brings a third waits
//!     let served = Queue::new("served", 10);
//!     let oven = Semaphore::new("oven", 1);
//!
//!     scope(async |kitchen| {
//!         for number in 0..2 {
//!             let (orders, served, oven) = (orders.clone(), served.clone(), oven.clone());
//!             kitchen.spawn(("cook", number), async move {
//!                 // `get` gives `None` once the kitchen is closed and no order is left.
//!                 while let Some(dish) = orders.get().await {
//!                     let plate = match cook(&dish, &oven).await {
//!                         Ok(plate) => plate,
//!                         Err(error) => format!("no {}: {error}", *dish),
//!                     };
//!                     served.put(plate).await?;
//!                 } // here the order is done: `dish` is dropped
//!                 Ok::<_, BoxError>(())
//!             });
//!         }
//!         for dish in ["pizza", "soup", "bread", "roast", "cake"] {
//!             orders.put(dish).await?;
//!         }
//!         orders.close();
//!         orders.join().await; // until every order is done
//!         Ok::<_, BoxError>(())
//!     })
//!     .await?; // both cooks have gone home; had one failed, the other would have been sent home
//!
//!     Ok(served.close_and_drain())
//! }
//!
//! let mut plates = run(evening())?;
//! plates.sort();
//! assert_eq!(plates.len(), 5);
//! assert_eq!(plates[0], "a hot bread");
//! assert_eq!(plates[3], "no roast: it took too long");
//! assert_eq!(plates[4], "no soup: the pot is broken");
//! # Ok::<(), headcount_tasks::Error>(())
//! ```
//!
//! # Where things are
//!
//! - Running: [`run`], [`Runner`] with its options, [`daemon`] and [`LoopExecutor`] for what serves
//!   the whole run.
//! - Tasks: [`scope`], [`Scope::spawn`], [`TaskHandle`], [`yield_now`], [`sleep`].
//! - Many at once: [`gather`], [`gather_results`], [`as_completed`], [`race`], each with a limit.
//! - Sharing: [`Semaphore`], [`Rate`], [`Queue`], [`LifoQueue`], [`PriorityQueue`]; from tokio, as they
//!   are, [`sync`](mod@sync).
//! - Time: [`timeout`], [`timeout_at`], [`Deadline`].
//! - Ending: [`TaskHandle::cancel`], [`until_cancelled`], [`shield`].
//! - Threads: [`to_thread`] for calls that block, [`compute`] for work that computes.
//! - Looking: [`current`], [`label`], [`task_tree`], [`Report`]; in debug mode a watchdog that names
//!   the task, and the line, that blocks the loop.
//! - Tests: `testing::check`, with the feature `testing`.
//!
//! # How a task is cancelled
//!
//! Always in this order: request, grace, abort, then wait.
//!
//! - *Request.* [`TaskHandle::cancel`], a failing sibling, a deadline or Ctrl+C ask a task to end. A
//!   task that only waits is dropped at its await there and then; its destructors have run when the
//!   call returns.
//! - *Grace.* Code that has to say goodbye with awaits of its own puts its work into
//!   [`until_cancelled`], which then gives `Err(Cancelled)`. It has as long as the grace lasts, five
//!   seconds unless [`Runner::grace`] or [`Scope::set_grace`] says otherwise. Scopes within the task
//!   ask their children in turn.
//! - *Abort.* What has not ended by then is dropped where it stands, and named. Swallowing a
//!   cancellation is therefore possible for no longer than the grace.
//! - *Wait.* A task has ended when its own destructors, and those of all its children, have run.
//!
//! Siblings, and the daemons at the end of a run, are asked in the order in which they were started;
//! an abort drops the youngest first, and children before their parent.
//!
//! Not as in Python: the news comes once, and a second request does not cut the cleanup short; a
//! cancellation does not rise through the code as an exception, because in Rust
//! a future is ended by dropping it, and what follows an await then simply does not run. There is no
//! `uncancel`; a deadline that fires cancels a region of the task rather than the task. A task that
//! awaits a cancelled one gets an error and is not cancelled itself. A scope whose task is being
//! cancelled does not return to it.
//!
//! What dropping a scope's future by hand can promise: the body is dropped, the children are asked
//! to end, and the task that the scope was opened in does not count as ended before they have.
//!
//! # What it costs
//!
//! A task is one allocation and about 150 bytes beside its future; when it has ended, those bytes are
//! kept for the next. Waking a task on its own loop is a push to a queue. With the debug mode off there is no thread and no clock reading; see
//! `BENCHMARKS.md`. Tasks that libraries start with `tokio::spawn` run beside the loop and are not
//! in its tree: hand such libraries a [`LoopExecutor`].

/// tokio's own primitives, which work on this loop as they are.
pub mod sync {
    pub use tokio::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, broadcast, mpsc, oneshot, watch};
}

/// What the wake-up path is built on; the tests put loom in its place.
mod primitives {
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard};
}

mod blocked_line;
mod cancel;
mod crew;
mod daemon;
mod deadline;
mod debug;
mod error;
mod event_loop;
mod gather;
mod handle;
mod item;
mod name;
mod outcome;
mod queue;
mod rate;
mod region;
mod report;
mod runner;
mod scope;
mod scope_state;
mod semaphore;
mod shelf;
mod signals;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;
mod tree;
mod wait;
mod wait_list;
mod wake;
mod waker;
mod watchdog;

pub use daemon::{LoopExecutor, daemon};
pub use deadline::{Deadline, Elapsed, Sleep, Timeout, sleep, sleep_until, timeout, timeout_at};
pub use error::{Cancelled, Closed, Error};
pub use event_loop::{YieldNow, yield_now};
pub use gather::{AsCompleted, Gather, GatherResults, Race, as_completed, gather, gather_results, race};
pub use handle::TaskHandle;
pub use item::Item;
pub use name::{Label, Name};
pub use outcome::{BoxError, Outcome, Value};
pub use queue::{Get, Join, LifoQueue, OrderedQueue, PriorityQueue, Put, Queue};
pub use rate::Rate;
pub use region::{UntilCancelled, until_cancelled};
pub use report::Report;
pub use runner::{Runner, run};
pub use scope::{Scope, scope, shield};
pub use semaphore::{Acquire, Permit, Semaphore};
pub use shelf::Shelf;
pub use task::TaskState;
pub use threads::{OffLoop, compute, to_thread};
pub use tree::{Current, TaskInfo, TaskTree, current, label, task_tree};
pub use watchdog::Blocked;

/// Runs the program in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
