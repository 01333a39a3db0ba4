//! Work that would keep the loop from turning: blocking calls on a bounded pool of threads, and
//! computing on one thread a core. Both are counted by name until they end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::Error;
use crate::event_loop::Loop;
use crate::name::Name;
use crate::outcome::Outcome;
use crate::wait::{Wait, What};

/// Runs a blocking call on the loop's pool of threads and waits for its result; the loop goes on
/// meanwhile. The pool's size is set by [`Runner::blocking_threads`](crate::Runner::blocking_threads);
/// what exceeds it waits in a queue.
///
/// Cancel safety: a call that waits in the queue is never begun; one that runs cannot be stopped. It
/// runs on, counted and shown in the tree, and is named if it still runs at the end of the run.
/// Source: `asyncio.to_thread`.
///
/// # Errors
/// The error or panic of the call; or that no loop runs here.
pub fn to_thread<R, F>(name: impl Into<Name>, call: F) -> OffLoop<R>
where
    R: Outcome + Send,
    F: FnOnce() -> R + Send + 'static,
{
    off_loop(name.into(), What::Thread, call)
}

/// Computes on a pool with one thread a core, shared by all loops of the process. Rust has no lock
/// around its interpreter, so threads do what takes Python a pool of processes.
///
/// Cancel safety: as with [`to_thread`]. Source: `ProcessPoolExecutor`.
///
/// # Errors
/// The error or panic of the computation; or that no loop runs here.
pub fn compute<R, F>(name: impl Into<Name>, computation: F) -> OffLoop<R>
where
    R: Outcome + Send,
    F: FnOnce() -> R + Send + 'static,
{
    off_loop(name.into(), What::Cpu, computation)
}

fn off_loop<R, F>(name: Name, what: What, call: F) -> OffLoop<R>
where
    R: Outcome + Send,
    F: FnOnce() -> R + Send + 'static,
{
    let started = Loop::with(|event_loop| {
        let pool = match what {
            // A paused clock stands still only for the pool of its own runtime.
            What::Cpu if !event_loop.paused => cpu_pool()?.handle().clone(),
            _ => Handle::try_current().ok()?,
        };
        let job = event_loop.threads.add(name.clone());
        let (jobs, number) = (job.jobs.clone(), job.number);
        Some(Started { jobs, number, call: pool.spawn_blocking(move || job.run(call)) })
    });
    OffLoop { name, what, started: started.flatten() }
}

/// tokio's pool of blocking threads, without a driver, with as many threads as there are cores.
fn cpu_pool() -> Option<&'static Runtime> {
    static POOL: OnceLock<Option<Runtime>> = OnceLock::new();
    let build = || {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.max_blocking_threads(cores).thread_name("headcount-cpu").build().ok()
    };
    POOL.get_or_init(build).as_ref()
}

/// The future of [`to_thread`] and [`compute`]. The work has begun, or waits for a thread; dropping
/// this takes it out of the queue if it has not begun.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct OffLoop<R> {
    name: Name,
    what: What,
    /// None where there is no loop.
    started: Option<Started<R>>,
}

#[derive(Debug)]
struct Started<R> {
    jobs: Jobs,
    number: u64,
    call: JoinHandle<Option<std::thread::Result<R>>>,
}

impl<R: Outcome> Future for OffLoop<R> {
    type Output = Result<R::Value, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(started) = &mut this.started else {
            let wanted = if this.what == What::Cpu { "`compute`" } else { "`to_thread`" };
            return Poll::Ready(Err(Error::no_loop(wanted)));
        };
        let joined = match Pin::new(&mut started.call).poll(cx) {
            Poll::Pending => {
                Wait::note(this.what, 0);
                return Poll::Pending;
            }
            Poll::Ready(joined) => joined,
        };
        let name = this.name.clone();
        Poll::Ready(match joined {
            Ok(Some(Ok(output))) => output.into_result().map_err(|error| Error::failed(name, error)),
            Ok(Some(Err(payload))) => Err(Error::panicked(name, &*payload)),
            Ok(None) | Err(_) => Err(Error::cancelled(name)),
        })
    }
}

impl<R> Drop for Started<R> {
    fn drop(&mut self) {
        self.jobs.give_up(self.number);
    }
}

/// The jobs that a loop has handed to threads and that have not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// By number; no number comes twice.
    jobs: Mutex<BTreeMap<u64, Entry>>,
    last: AtomicU64,
    one_ended: Notify,
}

#[derive(Debug)]
struct Entry {
    name: Name,
    since: Instant,
    has_begun: bool,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, name: Name) -> Job {
        let number = self.0.last.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Entry { name, since: Instant::now(), has_begun: false });
        Job { jobs: self.clone(), number }
    }

    fn remove(&self, number: u64) {
        self.lock().remove(&number);
        // Leaves a permit where nobody waits yet, so that no end goes unnoticed.
        self.0.one_ended.notify_one();
    }

    /// Nobody waits for a job any more: takes it off the list unless it runs.
    fn give_up(&self, number: u64) {
        if self.lock().get(&number).is_some_and(|job| !job.has_begun) {
            self.remove(number);
        }
    }

    /// Waits until no job is left.
    pub(crate) async fn wait_idle(&self) {
        while self.running() > 0 {
            self.0.one_ended.notified().await;
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn list(&self) -> Vec<(Name, Duration)> {
        self.lock().values().map(|job| (job.name.clone(), job.since.elapsed())).collect()
    }
}

/// A job's way through the pool. However it ends, run, given up or abandoned, it leaves the list.
struct Job {
    jobs: Jobs,
    number: u64,
}

impl Job {
    /// Runs the call, unless it has been given up meanwhile.
    fn run<R>(self, call: impl FnOnce() -> R) -> Option<std::thread::Result<R>> {
        self.jobs.lock().get_mut(&self.number)?.has_begun = true;
        MAY_BLOCK.set(true);
        Some(catch_unwind(AssertUnwindSafe(call)))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.jobs.remove(self.number);
    }
}

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is a pool's thread, which may wait as it likes and even run a loop of its own.
pub(crate) fn may_block() -> bool {
    MAY_BLOCK.get()
}
