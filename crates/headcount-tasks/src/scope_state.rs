//! What a scope, its children and its task share, and how a scope ends.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::error::Error;
use crate::event_loop::Loop;
use crate::region::Region;
use crate::report::Report;
use crate::task::{NO_TASK, TaskKey};
use crate::wait::Wakeup;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the loop: daemons and the main task, whose failures concern nobody else.
    Root,
    Children,
    /// Of `gather` and its like, which take every end as data.
    Crew,
    /// One task that requests do not reach.
    Shield,
}

/// The state that a scope, its children and its task share.
pub(crate) struct ScopeState {
    kind: Kind,
    pub(crate) owner: Option<TaskKey>,
    /// Where in its task the scope was opened.
    pub(crate) region: Option<Rc<Region>>,
    pub(crate) body: Option<Rc<Region>>,
    pub(crate) first: Cell<u32>,
    pub(crate) last: Cell<u32>,
    live: Cell<usize>,
    requested: Cell<bool>,
    cancelled_from_above: Cell<bool>,
    closed: Cell<bool>,
    /// Its future was dropped before the children had ended.
    orphan: Cell<bool>,
    pub(crate) grace: Cell<Duration>,
    failures: RefCell<Vec<Error>>,
    waiter: RefCell<Option<Wakeup>>,
    /// Children of a crew that have ended, by their number.
    ended: RefCell<VecDeque<(u32, TaskKey)>>,
}

impl ScopeState {
    pub(crate) fn root(grace: Duration) -> Rc<Self> {
        Rc::new(Self::new(Kind::Root, None, None, None, grace))
    }

    fn new(
        kind: Kind,
        owner: Option<TaskKey>,
        region: Option<Rc<Region>>,
        body: Option<Rc<Region>>,
        grace: Duration,
    ) -> Self {
        Self {
            kind,
            owner,
            region,
            body,
            first: Cell::new(NO_TASK),
            last: Cell::new(NO_TASK),
            live: Cell::new(0),
            requested: Cell::new(false),
            cancelled_from_above: Cell::new(false),
            closed: Cell::new(false),
            orphan: Cell::new(false),
            grace: Cell::new(grace),
            failures: RefCell::new(Vec::new()),
            waiter: RefCell::new(None),
            ended: RefCell::new(VecDeque::new()),
        }
    }

    /// Opens a scope in the current task, which then cannot end without it.
    pub(crate) fn open(kind: Kind, wanted: &'static str) -> Result<Rc<Self>, Error> {
        let opened = Loop::with(|event_loop| {
            let region = event_loop.current_region()?;
            let owner = region.owner;
            let mut tasks = event_loop.tasks.borrow_mut();
            let task = tasks.get_mut(owner)?;
            let grace = task.scope.as_ref().map_or(event_loop.root.grace.get(), |scope| scope.grace.get());
            let body = Region::new(Some(Rc::clone(&region)), owner);
            region.add_guard();
            let state = Rc::new(Self::new(kind, Some(owner), Some(region), Some(body), grace));
            task.extra().open_scopes.push(Rc::clone(&state));
            Some(state)
        });
        opened.flatten().ok_or_else(|| Error::no_loop(wanted))
    }

    pub(crate) fn takes_children(&self) -> bool {
        !self.requested.get() && !self.closed.get() && !self.orphan.get()
    }

    pub(crate) fn is_lone(&self) -> bool {
        self.kind != Kind::Children
    }

    /// Whether the task or a region around has been asked to end.
    pub(crate) fn is_cancelled_from_above(&self) -> bool {
        self.cancelled_from_above.get()
            || !self.requested.get() && self.body.as_ref().is_some_and(|body| body.is_requested())
    }

    /// Whether a scope that has ended must not return: its task is to be dropped where it stands,
    /// unless some other part of the task is already cleaning up.
    pub(crate) fn stays_silent(&self) -> bool {
        self.cancelled_from_above.get() && !self.region.as_ref().is_some_and(|region| region.delivered.get())
    }

    /// The request, if any, came from above: no value counts any more.
    pub(crate) fn returns_to_nobody(&self) -> bool {
        self.cancelled_from_above.get()
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.get()
    }

    pub(crate) fn take_failures(&self) -> Vec<Error> {
        self.failures.take()
    }

    pub(crate) fn wait(&self, wakeup: Wakeup) {
        *self.waiter.borrow_mut() = Some(wakeup);
    }

    /// Keeps a child's end for the crew, if this is one and somebody collects.
    pub(crate) fn collect(&self, tag: u32, key: TaskKey) {
        if self.kind == Kind::Crew && !self.orphan.get() {
            self.ended.borrow_mut().push_back((tag, key));
        }
    }

    pub(crate) fn pop_ended(&self) -> Option<(u32, TaskKey)> {
        self.ended.borrow_mut().pop_front()
    }

    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    pub(crate) fn link(&self, index: u32) {
        if self.first.get() == NO_TASK {
            self.first.set(index);
        }
        self.last.set(index);
        self.live.set(self.live.get() + 1);
    }

    pub(crate) fn unlink(&self, index: u32, previous: u32, next: u32) {
        if self.first.get() == index {
            self.first.set(next);
        }
        if self.last.get() == index {
            self.last.set(previous);
        }
    }

    /// The children, the oldest first.
    pub(crate) fn children(&self, event_loop: &Loop) -> Vec<TaskKey> {
        let mut tasks = event_loop.tasks.borrow_mut();
        let mut children = Vec::with_capacity(self.live.get());
        let mut index = self.first.get();
        while let Some(slot) = tasks.slot_mut(index)
            && let Some(task) = &slot.task
        {
            children.push(TaskKey { index, generation: slot.generation });
            index = task.next;
        }
        children
    }

    /// Asks the body and every child to end; `from_above` when the scope's own task or a region
    /// around it has been asked, so that nobody is left to return to.
    pub(crate) fn request(self: &Rc<Self>, from_above: bool) {
        if self.kind == Kind::Shield {
            return;
        }
        if from_above {
            self.cancelled_from_above.set(true);
        }
        if self.requested.replace(true) {
            self.wake();
            return;
        }
        Loop::with(|event_loop| {
            if let Some(body) = &self.body {
                event_loop.request_region(body);
            }
            for child in self.children(event_loop) {
                event_loop.request_cancel(child);
            }
        });
        self.wake();
    }

    /// Drops every child, the youngest first.
    pub(crate) fn abort(self: &Rc<Self>) {
        if self.kind == Kind::Shield {
            return;
        }
        self.requested.set(true);
        self.cancelled_from_above.set(true);
        Loop::with(|event_loop| {
            for child in self.children(event_loop).into_iter().rev() {
                event_loop.abort(child);
            }
        });
    }

    /// Takes in a failure; the first one cancels the others.
    pub(crate) fn fail(self: &Rc<Self>, error: Error) {
        self.failures.borrow_mut().push(error);
        if !self.requested.get() {
            self.request(false);
        }
    }

    /// Whether this is a child's failure that the scope has taken in, or tells only that a child was
    /// cancelled while the whole scope ends.
    pub(crate) fn has_told(&self, error: &Error) -> bool {
        self.requested.get() && error.is_cancelled()
            || self.failures.borrow().iter().any(|failure| failure.is_same(error))
    }

    pub(crate) fn child_ended(self: &Rc<Self>) {
        self.live.set(self.live.get() - 1);
        if self.kind == Kind::Crew && !self.orphan.get() {
            self.wake();
            return;
        }
        if self.live.get() > 0 {
            return;
        }
        if self.orphan.get() {
            self.close();
        } else {
            self.wake();
        }
    }

    fn wake(&self) {
        let waiter = self.waiter.borrow_mut().take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Its future is gone: closes it once no child lives.
    pub(crate) fn abandon(self: &Rc<Self>) {
        if self.live.get() == 0 {
            self.close();
        } else if !self.orphan.replace(true) {
            self.request(true);
        }
    }

    /// Takes the scope out of its task. Failures that nobody can receive any more are reported.
    pub(crate) fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        let lost = self.failures.take();
        Loop::with(|event_loop| {
            for error in lost {
                event_loop.report(&Report::LostError(error));
            }
            if let Some(region) = &self.region {
                region.remove_guard();
            }
            if let Some(owner) = self.owner {
                event_loop.scope_gone(owner, self);
            }
        });
    }
}

/// Closes the scope when its future ends or is dropped. Children that still live are asked to end,
/// and the scope's task, or the deadline around it, waits for them.
pub(crate) struct Open(pub(crate) Rc<ScopeState>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
