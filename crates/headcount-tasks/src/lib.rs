//! The event loop.

mod sync {
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
