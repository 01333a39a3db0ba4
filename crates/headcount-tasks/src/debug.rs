//! What debug mode adds to a loop: the pulse that the watchdog reads, the names it needs, and the
//! search for deadlocks. Also the names of queues and semaphores, which the tree shows.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::event_loop::Loop;
use crate::name::Name;
use crate::report::Report;
use crate::tree::TaskTree;
use crate::wait::What;

/// What the watchdog's thread can see of a loop.
#[derive(Default)]
pub(crate) struct Pulse {
    /// The number of polls so far and, in the lower half, the polled task plus one; zero at rest.
    beat: AtomicU64,
    tasks: Mutex<Vec<Option<(Name, &'static Location<'static>)>>>,
}

impl Pulse {
    pub(crate) fn beat(&self) -> u64 {
        self.beat.load(Ordering::Relaxed)
    }

    /// The task of a beat; none when the loop rests.
    pub(crate) fn task(&self, beat: u64) -> Option<(Name, &'static Location<'static>)> {
        let index = usize::try_from(beat & 0xffff_ffff).ok()?.checked_sub(1)?;
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(index)?.clone()
    }
}

/// A loop's side of debug mode.
pub(crate) struct Debug {
    pub(crate) pulse: Arc<Pulse>,
    polls: Cell<u32>,
    deadlock_told: Cell<bool>,
}

impl Debug {
    pub(crate) fn new() -> Self {
        Self { pulse: Arc::default(), polls: Cell::new(0), deadlock_told: Cell::new(false) }
    }

    /// One store a poll; the watchdog reads the clock, so that the loop need not.
    pub(crate) fn begin_poll(&self, index: u32) {
        let polls = self.polls.get().wrapping_add(1);
        self.polls.set(polls);
        self.pulse.beat.store(u64::from(polls) << 32 | (u64::from(index) + 1), Ordering::Relaxed);
    }

    pub(crate) fn rest(&self) {
        self.pulse.beat.store(0, Ordering::Relaxed);
    }

    pub(crate) fn introduce(&self, index: u32, name: Name, place: &'static Location<'static>) {
        let index = index as usize;
        let mut tasks = self.pulse.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() <= index {
            tasks.resize(index + 1, None);
        }
        tasks[index] = Some((name, place));
    }
}

/// Called before the loop sleeps: if every task waits for this crate's own primitives only, and
/// nobody outside holds a waker, then nothing can ever happen again.
pub(crate) fn look_for_deadlock(event_loop: &Rc<Loop>) {
    let Some(debug) = &event_loop.debug else { return };
    // Threads may hand something in; so may tasks that a library has started beside the loop.
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    if event_loop.threads.running() > 0 || alive > event_loop.tokio_tasks.get() {
        return;
    }
    let stuck = {
        let tasks = event_loop.tasks.borrow();
        let mut live = tasks.iter().filter(|(_, task, _)| task.end.is_none()).peekable();
        live.peek().is_some() && live.all(|(_, task, wakers)| wakers == 0 && task.wait.what != What::Unknown)
    };
    if stuck && !debug.deadlock_told.replace(true) {
        event_loop.report(&Report::Deadlock(TaskTree::of(event_loop)));
    } else if !stuck {
        debug.deadlock_told.set(false);
    }
}

/// Names of queues, semaphores and the like, by number. They belong to the thread rather than to a
/// loop, because a queue may be made before its loop runs, and serve one loop after another.
#[derive(Default)]
struct Objects {
    last: Cell<u32>,
    names: RefCell<HashMap<u32, Name>>,
}

thread_local! {
    static OBJECTS: Objects = Objects::default();
}

pub(crate) fn name_of_object(number: u32) -> Option<Name> {
    OBJECTS.with(|objects| objects.names.borrow().get(&number).cloned())
}

/// The number under which the thread knows an object's name; given back on drop.
pub(crate) struct Named(u32);

impl Named {
    pub(crate) fn new(name: Name) -> Self {
        OBJECTS.with(|objects| {
            let mut names = objects.names.borrow_mut();
            let mut number = objects.last.get().wrapping_add(1);
            while names.contains_key(&number) {
                number = number.wrapping_add(1);
            }
            objects.last.set(number);
            names.insert(number, name);
            Self(number)
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // A thread that ends may have dropped its names before its objects.
        let _gone = OBJECTS.try_with(|objects| objects.names.borrow_mut().remove(&self.0));
    }
}
