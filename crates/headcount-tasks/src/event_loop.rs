//! The loop of one thread: its ready queue, the polling of its tasks, and the turn that tokio's
//! driver gives it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use crate::debug::Debug;
use crate::error::Error;
use crate::region::Region;
use crate::report::{Report, Reporter};
use crate::scope_state::ScopeState;
use crate::task::{AnyTask, End, Ended, Slab, TaskKey};
use crate::wait::{Wait, What};
use crate::waker::{Shared, WakeCell};

/// Polls before the driver gets its turn: sockets and timers starve without a cap, and asking them
/// more often costs (16 was measured at 1.4 times the cost on yields). tokio's own figure.
const POLLS_A_TURN: usize = 61;

/// The driver gets its turn after this time too, so that long polls keep no timer and no other socket waiting for long. It
/// is looked at every few polls: most take so little that asking for the time would be a part of it.
const LONGEST_TURN: Duration = Duration::from_millis(1);
const POLLS_BETWEEN_LOOKS: usize = 8;

pub(crate) struct Loop {
    pub(crate) tasks: RefCell<Slab>,
    pub(crate) shared: Arc<Shared>,
    ready: RefCell<VecDeque<u32>>,
    drained: RefCell<Vec<u32>>,
    /// Picks the next ready task in tests; first in, first out without it.
    order: Option<RefCell<fastrand::Rng>>,
    current: Cell<Option<TaskKey>>,
    /// The address behind the current task's waker, to recognise it.
    current_waker: Cell<usize>,
    region: RefCell<Option<Rc<Region>>>,
    in_turn: Cell<bool>,
    driver: RefCell<Option<Waker>>,
    driver_woken: Cell<bool>,
    started: Instant,
    /// The time of this turn, read when first asked for.
    now: Cell<Option<u32>>,
    pub(crate) root: Rc<ScopeState>,
    pub(crate) reporter: Reporter,
    pub(crate) paused: bool,
    pub(crate) debug: Option<Debug>,
    pub(crate) threads: crate::threads::Jobs,
    /// The tasks of tokio's that the run itself consists of; any others are a library's.
    pub(crate) tokio_tasks: Cell<usize>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Loop>>> = const { RefCell::new(None) };
}

/// Takes the loop off its thread, however the run ends.
pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        let event_loop = CURRENT.with(|current| current.borrow_mut().take());
        if let Some(event_loop) = event_loop {
            event_loop.shared.close();
        }
    }
}

/// What the runner decides about a loop.
pub(crate) struct LoopOptions {
    pub(crate) seed: Option<u64>,
    pub(crate) grace: Duration,
    pub(crate) paused: bool,
    pub(crate) reporter: Reporter,
    pub(crate) debug: Option<Debug>,
}

impl Loop {
    pub(crate) fn new(options: LoopOptions) -> Rc<Self> {
        Rc::new(Self {
            tasks: RefCell::new(Slab::new()),
            shared: Arc::new(Shared::new()),
            ready: RefCell::new(VecDeque::new()),
            drained: RefCell::new(Vec::new()),
            order: options.seed.map(|seed| RefCell::new(fastrand::Rng::with_seed(seed))),
            current: Cell::new(None),
            current_waker: Cell::new(0),
            region: RefCell::new(None),
            in_turn: Cell::new(false),
            driver: RefCell::new(None),
            driver_woken: Cell::new(false),
            started: Instant::now(),
            now: Cell::new(None),
            root: ScopeState::root(options.grace),
            reporter: options.reporter,
            paused: options.paused,
            debug: options.debug,
            threads: crate::threads::Jobs::default(),
            tokio_tasks: Cell::new(0),
        })
    }

    /// Makes this the loop of the thread.
    pub(crate) fn enter(self: &Rc<Self>) -> Result<Entered, Error> {
        CURRENT.with(|current| {
            let mut current = current.borrow_mut();
            if current.is_some() {
                return Err(Error::nested());
            }
            *current = Some(Rc::clone(self));
            Ok(Entered(()))
        })
    }

    /// Gives the thread's loop to `use_loop`; `None` where no loop runs.
    pub(crate) fn with<R>(use_loop: impl FnOnce(&Rc<Loop>) -> R) -> Option<R> {
        CURRENT
            .try_with(|current| current.try_borrow().ok().and_then(|current| current.as_ref().map(use_loop)))
            .ok()
            .flatten()
    }

    pub(crate) fn is_running() -> bool {
        Self::with(|_| ()).is_some()
    }

    pub(crate) fn current(&self) -> Option<TaskKey> {
        self.current.get()
    }

    /// The task whose own waker this is, if it is the one being polled.
    pub(crate) fn task_of(&self, waker: &Waker) -> Option<TaskKey> {
        let current = self.current.get()?;
        (waker.data() as usize == self.current_waker.get()).then_some(current)
    }

    pub(crate) fn note_wait(&self, wait: Wait) {
        if let Some(key) = self.current.get()
            && let Some(task) = self.tasks.borrow_mut().get_mut(key)
        {
            task.wait = wait;
        }
    }

    /// The innermost region of the task being polled.
    pub(crate) fn current_region(self: &Rc<Self>) -> Option<Rc<Region>> {
        if let Some(region) = &*self.region.borrow() {
            return Some(Rc::clone(region));
        }
        let key = self.current.get()?;
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get_mut(key)?;
        let requested = task.requested;
        let region = task.region.get_or_insert_with(|| {
            let region = Region::new(None, key);
            region.requested.set(requested);
            region
        });
        Some(Rc::clone(region))
    }

    pub(crate) fn swap_region(&self, region: Option<Rc<Region>>) -> Option<Rc<Region>> {
        self.region.replace(region)
    }

    /// Milliseconds since the loop's start; within a turn, as of when it was first asked for.
    pub(crate) fn now(&self) -> u32 {
        self.now.get().unwrap_or_else(|| {
            let now = u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX);
            self.now.set(self.in_turn.get().then_some(now));
            now
        })
    }

    pub(crate) fn new_cell(&self, index: u32) -> Arc<WakeCell> {
        WakeCell::new(index, &self.shared)
    }

    /// Queues a task on the loop's own thread.
    pub(crate) fn schedule(&self, cell: &WakeCell) {
        if cell.scheduled.set_on_loop() {
            self.ready.borrow_mut().push_back(cell.index);
            self.wake_driver();
        }
    }

    /// Within a turn the queue is looked at anyway; outside, tokio must poll the loop again.
    pub(crate) fn wake_driver(&self) {
        if !self.in_turn.get()
            && !self.driver_woken.replace(true)
            && let Some(driver) = &*self.driver.borrow()
        {
            driver.wake_by_ref();
        }
    }

    pub(crate) fn wake_key(&self, key: TaskKey) {
        if let Some(cell) = self.tasks.borrow().cell(key) {
            self.schedule(cell);
        }
    }

    fn next_ready(&self) -> Option<u32> {
        let mut ready = self.ready.borrow_mut();
        if let Some(order) = &self.order
            && ready.len() > 1
        {
            let pick = order.borrow_mut().usize(..ready.len());
            ready.swap(0, pick);
        }
        ready.pop_front()
    }

    fn drain_inbox(&self) {
        let mut drained = self.drained.borrow_mut();
        self.shared.drain(&mut drained);
        self.ready.borrow_mut().extend(drained.drain(..));
    }

    /// One turn: some polls, then back to tokio's driver. Ready when `done` says so.
    pub(crate) fn turn(self: &Rc<Self>, cx: &mut Context<'_>, done: &dyn Fn(&Rc<Loop>) -> bool) -> Poll<()> {
        self.in_turn.set(true);
        self.driver_woken.set(false);
        {
            let mut driver = self.driver.borrow_mut();
            if !driver.as_ref().is_some_and(|driver| driver.will_wake(cx.waker())) {
                *driver = Some(cx.waker().clone());
            }
        }
        self.drain_inbox();
        let began = Instant::now();
        let mut polls = 0;
        while polls < POLLS_A_TURN
            && let Some(index) = self.next_ready()
        {
            self.poll_task(index);
            polls += 1;
            if polls % POLLS_BETWEEN_LOOKS == 0 && began.elapsed() >= LONGEST_TURN {
                break;
            }
        }
        let done = done(self);
        self.in_turn.set(false);
        self.now.set(None);
        if let Some(debug) = &self.debug {
            debug.rest();
        }
        if done {
            return Poll::Ready(());
        }
        if !self.ready.borrow().is_empty() {
            // tokio wakes this once its driver has had a look; waking ourselves would be polled first.
            let mut turn_of_the_driver = pin!(tokio::task::yield_now());
            let _pending = turn_of_the_driver.as_mut().poll(cx);
        } else if self.shared.sleep(cx.waker().clone()) {
            if self.debug.is_some() {
                crate::debug::look_for_deadlock(self);
            }
        } else {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_task(self: &Rc<Self>, index: u32) {
        let (key, mut future, waker) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(slot) = tasks.slot_mut(index) else { return };
            slot.cell.scheduled.clear();
            let key = TaskKey { index, generation: slot.generation };
            let Some(task) = &mut slot.task else { return };
            let Some(future) = task.future.take() else { return };
            task.polled = true;
            task.wait = Wait::UNKNOWN;
            (key, future, std::mem::replace(&mut slot.waker, Waker::noop().clone()))
        };
        self.current.set(Some(key));
        self.current_waker.set(waker.data() as usize);
        if let Some(debug) = &self.debug {
            debug.begin_poll(index);
        }
        let polled = catch_unwind(AssertUnwindSafe(|| poll_within_budget(future.as_mut(), &waker)));
        match polled {
            Ok(Poll::Pending) => self.after_pending(key, future, &waker),
            Ok(Poll::Ready(Ended::Value)) => self.keep_value(key, future),
            Ok(Poll::Ready(Ended::Error(error))) => {
                let end = self.failure_of(key, error);
                self.ended(key, end);
            }
            Err(payload) => {
                let error = Error::panicked(self.name_of(key), &*payload);
                self.drop_future(key, future);
                self.ended(key, End::Error(error));
            }
        }
        self.current.set(None);
        self.region.replace(None);
        if let Some(slot) = self.tasks.borrow_mut().slot_mut(index)
            && std::ptr::eq(waker.data(), Arc::as_ptr(&slot.cell).cast())
        {
            slot.waker = waker;
        }
    }

    /// Puts the future back, unless the task has been asked to end and nothing in it needs time.
    fn after_pending(self: &Rc<Self>, key: TaskKey, future: Pin<Box<dyn AnyTask>>, waker: &Waker) {
        let ends_now = {
            let mut tasks = self.tasks.borrow_mut();
            let task = tasks.get_mut(key).expect("a task is there while it is polled");
            task.future = Some(future);
            if !task.requested {
                return;
            }
            if let Some(region) = &task.region {
                // What it left behind wakes it when it has ended.
                region.wait(&Context::from_waker(waker));
            }
            task.aborted || task.region.as_ref().is_none_or(|region| region.can_be_dropped())
        };
        self.current.set(None);
        if ends_now || self.grace_is_over(key, waker) {
            self.drop_task(key);
        }
    }

    /// Stores a finished task's value for its handle, or drops it where there is none.
    fn keep_value(self: &Rc<Self>, key: TaskKey, future: Pin<Box<dyn AnyTask>>) {
        let unwanted = {
            let mut tasks = self.tasks.borrow_mut();
            let task = tasks.get_mut(key).expect("a task is there while it is polled");
            if task.has_handle {
                task.future = Some(future);
                None
            } else {
                Some(future)
            }
        };
        let failure = unwanted.and_then(|value| self.drop_future(key, value));
        self.ended(key, failure.map_or(End::Value, End::Error));
    }

    pub(crate) fn report(&self, report: &Report) {
        self.reporter.send(report);
    }
}

/// Polls with a whole cooperative budget: tokio counts ours against the one outer poll, so the
/// guard gives back what this task used, lest the 128th socket read of a turn find none left.
fn poll_within_budget(future: Pin<&mut dyn AnyTask>, waker: &Waker) -> Poll<Ended> {
    let mut cx = Context::from_waker(waker);
    let _given_back = poll_proceed(&mut cx);
    future.poll_task(&mut cx)
}

/// Lets every other ready task run before this one goes on.
///
/// Cancel safety: nothing is lost. Source: `asyncio.sleep(0)`.
pub fn yield_now() -> YieldNow {
    YieldNow(false)
}

/// The future of [`yield_now`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Wait::note(What::Yield, 0);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
