//! Scopes: the block that a task's children live in and never outlive.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::{Cancelled, Error};
use crate::event_loop::Loop;
use crate::handle::TaskHandle;
use crate::name::Name;
use crate::outcome::Outcome;
use crate::region::Region;
use crate::report::Report;
use crate::task::{NO_TASK, TaskKey};
use crate::wait::{Wait, Wakeup, What};

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
    body: Option<Rc<Region>>,
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

    pub(crate) fn wait(&self, wakeup: Wakeup) {
        *self.waiter.borrow_mut() = Some(wakeup);
    }

    /// Keeps a child's end for the crew; false where nobody collects.
    pub(crate) fn collect(&self, tag: u32, key: TaskKey) -> bool {
        let collects = self.kind == Kind::Crew && !self.orphan.get();
        if collects {
            self.ended.borrow_mut().push_back((tag, key));
        }
        collects
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
        if self.0.live.get() == 0 {
            self.0.close();
        } else {
            self.0.orphan.set(true);
            self.0.request(true);
        }
    }
}

/// Starts children; given to the body of [`scope`]. A clone can be moved into a child, so that the
/// children can start more of themselves.
#[derive(Clone)]
pub struct Scope(Rc<ScopeState>);

impl Scope {
    /// Starts a child. It is queued at once and takes its first step when the present task next
    /// awaits. The scope waits for it; if it fails or panics, its siblings are cancelled.
    ///
    /// In a scope that is already ending, the future is dropped unpolled and the handle tells so.
    #[track_caller]
    pub fn spawn<F>(&self, name: impl Into<Name>, future: F) -> TaskHandle<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        let (name, place) = (name.into(), Location::caller());
        match Loop::with(Rc::clone) {
            Some(event_loop) => event_loop.spawn(&self.0, name, place, future),
            None => TaskHandle::dead(name),
        }
    }

    /// Asks every child to end; the body goes on. Children that are cancelled fail nobody.
    pub fn cancel_children(&self) {
        Loop::with(|event_loop| {
            for child in self.0.children(event_loop) {
                event_loop.request_cancel(child);
            }
        });
    }

    /// How long children, and the body, may clean up after they were asked to end. Inherited from
    /// the scope around, and in the end from the run, where it is five seconds.
    pub fn set_grace(&self, grace: Duration) {
        self.0.grace.set(grace);
    }

    /// How many children have not ended.
    #[must_use]
    pub fn live_children(&self) -> usize {
        self.0.live.get()
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("live_children", &self.live_children()).finish()
    }
}

/// Runs `body`, which may start children, and returns when all of them have ended and their
/// destructors have run.
///
/// The first error or panic, be it a child's or the body's, cancels everything else in the scope:
/// those are asked to end, get the scope's grace, are then dropped, and waited for. All failures
/// come back together. When the scope's own task is asked to end, so are the children, and the
/// scope does not return: its task ends once they have.
///
/// Cancel safety: dropping the future drops the body and asks the children to end; those that clean
/// up go on doing so, and the task that the scope belonged to does not end before them. Source:
/// Trio's nursery, CPython's `TaskGroup`.
///
/// # Errors
/// Every failure, each with its task's name; or that no loop runs here.
pub async fn scope<R, F>(body: F) -> Result<R::Value, Error>
where
    R: Outcome,
    F: AsyncFnOnce(&Scope) -> R,
{
    let state = ScopeState::open(Kind::Children, "`scope`")?;
    let open = Open(Rc::clone(&state));
    let scope = Scope(Rc::clone(&state));
    let mut future = pin!(Some(body(&scope)));
    let mut value = None;
    let mut grace = None;
    std::future::poll_fn(|cx| {
        if future.is_some() {
            poll_body(&state, future.as_mut(), &mut value, &mut grace, cx);
        }
        if future.is_some() || state.live.get() > 0 {
            state.wait(Wakeup::of(cx));
            if future.is_none() {
                Wait::note(What::Children, 0);
            }
            return Poll::Pending;
        }
        if state.stays_silent() {
            // Nobody is left to return to; with its guard gone, the region around is dropped.
            state.close();
            return Poll::Pending;
        }
        if state.cancelled_from_above.get() {
            value = None;
        }
        Poll::Ready(())
    })
    .await;
    let failures = state.failures.take();
    drop(open);
    if !failures.is_empty() {
        return Err(Error::scope(failures));
    }
    value.ok_or_else(|| Error::cancelled(crate::current().map_or(Name::fixed("scope"), |task| task.name())))
}

/// Polls the body of a scope, and drops it when it has ended or has to.
fn poll_body<R: Outcome>(
    state: &Rc<ScopeState>,
    mut future: Pin<&mut Option<impl Future<Output = R>>>,
    value: &mut Option<R::Value>,
    grace: &mut Option<Pin<Box<tokio::time::Sleep>>>,
    cx: &mut Context<'_>,
) {
    let Some(region) = &state.body else { return };
    let name = || state.owner.and_then(|owner| Loop::with(|event_loop| event_loop.name_of(owner)));
    let name = || name().unwrap_or(Name::fixed("scope"));
    let polled = catch_unwind(AssertUnwindSafe(|| {
        region.enter(|| future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx)))
    }));
    let drop_body = |mut future: Pin<&mut Option<_>>| {
        let dropped = catch_unwind(AssertUnwindSafe(|| region.enter(|| future.set(None))));
        if let Err(payload) = dropped {
            state.fail(Error::panicked(name(), &*payload));
        }
    };
    match polled {
        Ok(Poll::Ready(output)) => {
            drop_body(future);
            match output.into_result() {
                Ok(output) => *value = Some(output),
                Err(error) if error.is::<Cancelled>() => {}
                Err(error) => state.fail(Error::failed(name(), error)),
            }
        }
        Ok(Poll::Pending) => {
            if !state.requested.get() && region.is_requested() {
                // Opened in a task that had already been asked to end.
                state.request(true);
            }
            if !region.is_requested() {
                return;
            }
            if region.can_be_dropped() {
                drop_body(future);
            } else if region.requested.get() && !state.cancelled_from_above.get() {
                // Failed from within: the grace of the body is this scope's to measure.
                let timer = grace.get_or_insert_with(|| Box::pin(tokio::time::sleep(state.grace.get())));
                if timer.as_mut().poll(cx).is_ready() {
                    Loop::with(|event_loop| {
                        event_loop.report(&Report::GraceExpired(name()));
                        event_loop.abort_region(region);
                    });
                    drop_body(future);
                }
            }
        }
        Err(payload) => {
            drop_body(future);
            state.fail(Error::panicked(name(), &*payload));
        }
    }
}

/// Runs `future` as a task of its own that no cancellation reaches: for what must finish, such as
/// a commit. A task that is cancelled meanwhile goes on until this returns, then ends at its next
/// await; if its grace is over first, it is dropped, and still does not count as ended before the
/// shielded work has.
///
/// Cancel safety: dropping it leaves the work running; an error of it is then reported. Source:
/// `asyncio.shield`, with the reference that CPython makes you keep.
///
/// # Errors
/// The error or panic of the work.
#[track_caller]
pub fn shield<F>(
    name: impl Into<Name>,
    future: F,
) -> impl Future<Output = Result<<F::Output as Outcome>::Value, Error>>
where
    F: Future + 'static,
    F::Output: Outcome,
{
    let (name, place) = (name.into(), Location::caller());
    async move {
        let state = ScopeState::open(Kind::Shield, "`shield`")?;
        let _open = Open(Rc::clone(&state));
        let event_loop = Loop::with(Rc::clone).ok_or_else(|| Error::no_loop("`shield`"))?;
        event_loop.spawn(&state, name, place, future).await
    }
}
