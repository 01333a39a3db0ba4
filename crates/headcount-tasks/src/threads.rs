//! Work that would keep the loop from turning: blocking calls on a bounded pool of threads, and
//! computing on one thread a core. Both are counted by name until they end.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::Error;
use crate::event_loop::Loop;
use crate::name::Name;
use crate::outcome::Outcome;
use crate::wait::{Wait, What};

/// The jobs that a loop has handed to threads and that have not ended.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<Running>>, Arc<tokio::sync::Notify>);

#[derive(Default)]
struct Running {
    next: u64,
    jobs: Vec<(u64, Name, Instant)>,
}

impl Jobs {
    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, name: Name) -> Job {
        let mut running = self.lock();
        running.next += 1;
        let number = running.next;
        running.jobs.push((number, name, Instant::now()));
        Job { jobs: self.clone(), number }
    }

    /// Waits until no job is left.
    pub(crate) async fn wait_idle(&self) {
        while self.running() > 0 {
            self.1.notified().await;
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().jobs.len()
    }

    pub(crate) fn list(&self) -> Vec<(Name, Duration)> {
        self.lock().jobs.iter().map(|(_, name, since)| (name.clone(), since.elapsed())).collect()
    }
}

/// Takes the job off the list when its closure has gone, be it run, refused or abandoned.
struct Job {
    jobs: Jobs,
    number: u64,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.jobs.lock().jobs.retain(|(number, ..)| *number != self.number);
        // Leaves a permit where nobody waits yet, so that no end goes unnoticed.
        self.jobs.1.notify_one();
    }
}

/// Runs a blocking call on the loop's pool of threads and waits for its result; the loop goes on
/// meanwhile. The pool's size is set by [`Runner::blocking_threads`](crate::Runner::blocking_threads);
/// what exceeds it waits in a queue.
///
/// Cancel safety: a call that waits in the queue is taken out; one that runs cannot be stopped. It
/// runs on, counted and shown in the tree, and is named if it still runs at the end of the run.
/// Source: `asyncio.to_thread`.
///
/// # Errors
/// The error or panic of the call.
pub fn to_thread<R, F>(name: impl Into<Name>, call: F) -> OffLoop<R>
where
    R: Outcome + Send,
    F: FnOnce() -> R + Send + 'static,
{
    let name = name.into();
    let started = Loop::with(|event_loop| {
        let job = event_loop.threads.begin(name.clone());
        tokio::runtime::Handle::try_current().ok().map(|pool| pool.spawn_blocking(move || run(job, call)))
    });
    OffLoop { name, what: What::Thread, call: started.flatten() }
}

/// Computes on a pool with one thread a core, shared by all loops of the process. Rust has no lock
/// around its interpreter, so threads do what takes Python a pool of processes.
///
/// Cancel safety: as with [`to_thread`]. Source: `ProcessPoolExecutor`.
///
/// # Errors
/// The panic or error of the computation.
pub fn compute<R, F>(name: impl Into<Name>, computation: F) -> OffLoop<R>
where
    R: Outcome + Send,
    F: FnOnce() -> R + Send + 'static,
{
    let name = name.into();
    let started = Loop::with(|event_loop| {
        let job = event_loop.threads.begin(name.clone());
        if event_loop.paused {
            // A paused clock stands still only for the pool of its own runtime.
            let own = tokio::runtime::Handle::try_current().ok()?;
            return Some(own.spawn_blocking(move || run(job, computation)));
        }
        cpu_pool().map(|pool| pool.spawn_blocking(move || run(job, computation)))
    });
    OffLoop { name, what: What::Cpu, call: started.flatten() }
}

fn run<R>(job: Job, call: impl FnOnce() -> R) -> std::thread::Result<R> {
    let result = catch_unwind(AssertUnwindSafe(call));
    drop(job);
    result
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
    call: Option<JoinHandle<std::thread::Result<R>>>,
}

impl<R: Outcome> Future for OffLoop<R> {
    type Output = Result<R::Value, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(call) = &mut this.call else {
            return Poll::Ready(Err(Error::no_loop("a thread")));
        };
        let joined = match Pin::new(call).poll(cx) {
            Poll::Pending => {
                Wait::note(this.what, 0);
                return Poll::Pending;
            }
            Poll::Ready(joined) => joined,
        };
        let name = this.name.clone();
        Poll::Ready(match joined {
            Ok(Ok(output)) => output.into_result().map_err(|error| Error::failed(name, error)),
            Ok(Err(payload)) => Err(Error::panicked(name, &*payload)),
            Err(_cancelled) => Err(Error::cancelled(name)),
        })
    }
}

impl<R> Drop for OffLoop<R> {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.abort();
        }
    }
}
