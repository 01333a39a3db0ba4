//! Running a loop from plain synchronous code: its options, its beginning, and its orderly end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use crate::debug::Debug;
use crate::error::Error;
use crate::event_loop::{Loop, LoopOptions};
use crate::handle::TaskHandle;
use crate::name::Name;
use crate::outcome::Outcome;
use crate::report::{Report, Reporter};
use crate::tree::TaskTree;
use crate::watchdog::Watchdog;

/// How long tasks may clean up after they were asked to end, unless a scope or run says otherwise.
const GRACE: Duration = Duration::from_secs(5);
/// A poll this long is called blocking; asyncio's own figure.
const SLOW_POLL: Duration = Duration::from_millis(100);
/// Threads for blocking calls: as many as CPython's `to_thread` would use on a large machine.
const BLOCKING_THREADS: usize = 32;

/// Runs `main` as the main task of an event loop on this thread, with the default options of
/// [`Runner`]: Ctrl+C and SIGTERM ask it to end. Returns when every task has ended.
///
/// # Errors
/// The error or panic of `main`, that it was interrupted, or that a loop already runs here.
#[track_caller]
pub fn run<F>(main: F) -> Result<<F::Output as Outcome>::Value, Error>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    Runner::new().run(main)
}

/// The options of a run.
#[derive(Clone)]
#[must_use = "a runner does nothing until `run` is called"]
pub struct Runner {
    name: Name,
    signals: bool,
    tree_signal: bool,
    grace: Duration,
    debug: bool,
    slow_poll: Duration,
    blocking_threads: usize,
    seed: Option<u64>,
    paused: bool,
    reporter: Reporter,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// The defaults: signals handled, five seconds of grace, debug mode in debug builds. The
    /// environment variable `HEADCOUNT_DEBUG` decides otherwise if it is 1 or 0.
    pub fn new() -> Self {
        let debug = match std::env::var("HEADCOUNT_DEBUG").as_deref() {
            Ok("1") => true,
            Ok("0") => false,
            _ => cfg!(debug_assertions),
        };
        Self {
            name: Name::fixed("main"),
            signals: true,
            tree_signal: true,
            grace: GRACE,
            debug,
            slow_poll: SLOW_POLL,
            blocking_threads: BLOCKING_THREADS,
            seed: None,
            paused: false,
            reporter: Reporter::default(),
        }
    }

    /// The main task's name.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether Ctrl+C and SIGTERM ask the main task to end, and a second one ends the process at
    /// once with status 130 or 143. After the run they have their usual effect, which is to end the
    /// process. Off for programs that handle signals themselves.
    pub fn signals(mut self, handled: bool) -> Self {
        self.signals = handled;
        self
    }

    /// Whether SIGUSR1 reports the task tree.
    pub fn tree_signal(mut self, handled: bool) -> Self {
        self.tree_signal = handled;
        self
    }

    /// How long a task that was asked to end may clean up.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Debug mode: the watchdog, the search for deadlocks, reports of futures never polled.
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// The time after which the watchdog calls a poll blocking; 100 ms unless set.
    pub fn slow_poll(mut self, slow: Duration) -> Self {
        self.slow_poll = slow;
        self
    }

    /// How many threads [`to_thread`](crate::to_thread) may use at once, at least one.
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = threads.max(1);
        self
    }

    /// Picks among ready tasks at random, the same way for the same seed, instead of in order.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts with a clock that stands still and jumps to the next timer when nothing is ready.
    /// Real time means nothing then, so there is no watchdog.
    #[cfg(feature = "testing")]
    pub fn paused_clock(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Receives what would go to standard error. It is called from the loop's thread and from the
    /// watchdog's.
    pub fn on_report(mut self, receive: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.reporter = Reporter::new(receive);
        self
    }

    /// Runs `main`; see [`run`].
    ///
    /// When `main` has ended, daemons are asked to end, and every task is waited for. Calls on
    /// threads are waited for as long as the grace; those that run on are named and left behind.
    ///
    /// # Errors
    /// The error or panic of `main`, that it was interrupted, or that a loop already runs here.
    #[track_caller]
    pub fn run<F>(self, main: F) -> Result<<F::Output as Outcome>::Value, Error>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        let place = Location::caller();
        let within_tokio = || tokio::runtime::Handle::try_current().is_ok() && !crate::threads::may_block();
        if Loop::is_running() || within_tokio() {
            return Err(Error::nested());
        }
        let mut builder = Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(self.blocking_threads);
        #[cfg(feature = "testing")]
        builder.start_paused(self.paused);
        let runtime = builder.build_local(LocalOptions::default()).map_err(Error::start)?;
        let result = runtime.block_on(self.run_loop(main, place));
        // Only calls that outlived their grace can still be there, and nothing can stop those.
        runtime.shutdown_background();
        result
    }

    async fn run_loop<F>(
        self,
        main: F,
        place: &'static Location<'static>,
    ) -> Result<<F::Output as Outcome>::Value, Error>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        let event_loop = Loop::new(LoopOptions {
            seed: self.seed,
            grace: self.grace,
            paused: self.paused,
            reporter: self.reporter.clone(),
            debug: self.debug.then(Debug::new),
        });
        let _entered = event_loop.enter()?;
        let pulse = event_loop.debug.as_ref().filter(|_| !self.paused).map(|debug| &debug.pulse);
        let _watchdog = pulse.map(|pulse| Watchdog::start(pulse, &self.reporter, self.slow_poll));
        let main = Rc::new(event_loop.spawn(&event_loop.root, self.name.clone(), place, main));
        let interrupted = Rc::new(Cell::new(None));
        let watchers = self.watch_signals(&event_loop, &main, &interrupted);
        // And the loop itself.
        event_loop.tokio_tasks.set(watchers.len() + 1);
        drive(&event_loop, &main, self.grace).await;
        wait_for_threads(&event_loop, self.grace).await;
        let result =
            Rc::into_inner(main).map_or_else(|| Err(Error::cancelled(self.name.clone())), take_result);
        match (result, interrupted.get()) {
            (Err(error), Some(signal)) if error.is_cancelled() => Err(Error::interrupted(signal)),
            (result, _) => result,
        }
    }

    fn watch_signals<T: 'static>(
        &self,
        event_loop: &Rc<Loop>,
        main: &Rc<TaskHandle<T>>,
        interrupted: &Rc<Cell<Option<&'static str>>>,
    ) -> Vec<crate::signals::Watcher> {
        let mut watchers = Vec::new();
        if self.signals {
            let (main, interrupted) = (Rc::downgrade(main), Rc::clone(interrupted));
            watchers.extend(crate::signals::on_interrupt(move |signal| {
                interrupted.set(Some(signal));
                if let Some(main) = main.upgrade() {
                    main.cancel();
                }
            }));
        }
        if self.tree_signal {
            let event_loop = Rc::downgrade(event_loop);
            watchers.extend(crate::signals::on_tree_request(move || {
                if let Some(event_loop) = event_loop.upgrade() {
                    event_loop.report(&Report::Tree(TaskTree::of(&event_loop)));
                }
            }));
        }
        watchers
    }
}

/// The result of a task that has ended.
fn take_result<T: 'static>(main: TaskHandle<T>) -> Result<T, Error> {
    let name = main.name();
    let main = std::pin::pin!(main);
    match main.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::cancelled(name)),
    }
}

/// Turns the loop until the main task, and after it every daemon, has ended.
///
/// The loop is a local task of tokio's rather than what `block_on` polls: waking that one costs a
/// system call each time, waking a local task a push to a queue.
#[expect(clippy::disallowed_methods, reason = "the loop itself is tokio's one task here")]
async fn drive<T: 'static>(event_loop: &Rc<Loop>, main: &Rc<TaskHandle<T>>, grace: Duration) {
    let ending = RefCell::new(None);
    let turning = Rc::clone(event_loop);
    let is_main_ended = {
        let main = Rc::downgrade(main);
        move || main.upgrade().is_none_or(|main| main.is_ended())
    };
    let done = move |event_loop: &Rc<Loop>| {
        if !is_main_ended() {
            return false;
        }
        if ending.borrow().is_none() {
            let late = crate::signals::Watcher::new(tokio::task::spawn_local(name_the_late(
                Rc::clone(event_loop),
                grace,
            )));
            *ending.borrow_mut() = Some(late);
            event_loop.root.request(false);
        }
        event_loop.root.live() == 0
    };
    let driver = tokio::task::spawn_local(poll_fn(move |cx| turning.turn(cx, &done)));
    if let Err(broken) = driver.await
        && broken.is_panic()
    {
        std::panic::resume_unwind(broken.into_panic());
    }
}

async fn name_the_late(event_loop: Rc<Loop>, grace: Duration) {
    tokio::time::sleep(grace).await;
    tokio::task::yield_now().await;
    report_still_running(&event_loop);
}

fn report_still_running(event_loop: &Rc<Loop>) {
    let tree = TaskTree::of(event_loop);
    let tasks = tree.tasks.iter().map(|task| format!("task `{}`", task.name));
    let threads = tree.threads.iter().map(|(name, _)| format!("thread `{name}`"));
    event_loop.report(&Report::StillRunning(tasks.chain(threads).collect()));
}

async fn wait_for_threads(event_loop: &Rc<Loop>, grace: Duration) {
    if tokio::time::timeout(grace, event_loop.threads.wait_idle()).await.is_err() {
        report_still_running(event_loop);
    }
}
