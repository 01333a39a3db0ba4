//! The wake-up path between threads: a flag per task and an inbox per loop. It names its atomics
//! through `super::primitives`, so that the tests can compile this very file against loom.

use super::primitives::{AtomicBool, Mutex, Ordering};

/// Whether a task already stands in a queue, so that a thousand wakes make one poll.
#[derive(Debug)]
pub(crate) struct Scheduled(AtomicBool);

impl Scheduled {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Marks the task as queued; true when the caller has to queue it.
    ///
    /// Always a read-modify-write: a waker that finds the flag set relies on the poll which clears
    /// it to see what it wrote before, and only a read-modify-write hands that on.
    pub(crate) fn set(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// The same on the loop's own thread, where a set flag needs no hand-over: the poll comes later
    /// on this very thread.
    pub(crate) fn set_on_loop(&self) -> bool {
        !self.0.load(Ordering::Relaxed) && self.set()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Clears the flag just before the poll: a wake during the poll queues the task again.
    pub(crate) fn clear(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }
}

/// Tasks woken from other threads, and the waker of the loop's driver while it sleeps.
#[derive(Debug)]
pub(crate) struct Inbox<W> {
    filled: AtomicBool,
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    woken: Vec<u32>,
    sleeper: Option<W>,
    closed: bool,
}

impl<W> Inbox<W> {
    pub(crate) fn new() -> Self {
        let state = State { woken: Vec::new(), sleeper: None, closed: false };
        Self { filled: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Adds a task. The returned waker, if any, must be woken: after this call, so that the loop's
    /// thread does not wake up into a locked mutex.
    #[must_use]
    pub(crate) fn push(&self, index: u32) -> Option<W> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.woken.push(index);
        self.filled.store(true, Ordering::Release);
        state.sleeper.take()
    }

    /// Moves every woken task out, in the order of their wakes.
    pub(crate) fn drain(&self, into: &mut Vec<u32>) {
        if self.filled.load(Ordering::Acquire) {
            let mut state = self.lock();
            self.filled.store(false, Ordering::Release);
            into.append(&mut state.woken);
        }
    }

    /// Leaves `waker` to be woken by the next push. False when something came in meanwhile: then
    /// the loop must not sleep.
    pub(crate) fn sleep(&self, waker: W) -> bool {
        let mut state = self.lock();
        if state.woken.is_empty() {
            state.sleeper = Some(waker);
            true
        } else {
            false
        }
    }

    /// From here on wakes are dropped: wakers may outlive their loop.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.woken = Vec::new();
        state.sleeper = None;
    }

    fn lock(&self) -> super::primitives::MutexGuard<'_, State<W>> {
        // Nothing under this lock can panic; a poisoned lock is therefore as good as any.
        match self.state.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}
