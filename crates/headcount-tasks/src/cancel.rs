//! How tasks begin and end: spawning, asking to end, aborting, and the news of it.
//!
//! The order of every cancellation is: request, grace, abort, then wait. A request drops a task at
//! its await there and then, unless something in it needs time.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Cancelled, Error};
use crate::event_loop::Loop;
use crate::handle::TaskHandle;
use crate::name::Name;
use crate::outcome::{BoxError, Outcome};
use crate::region::Region;
use crate::report::Report;
use crate::scope_state::ScopeState;
use crate::task::{AnyTask, End, NO_TASK, Task, TaskCell, TaskKey};
use crate::wait::{Wait, Wakeup};

impl Loop {
    /// Puts a future on the loop as a child of `scope`. A scope that is ending takes no more
    /// children: the future is dropped, and its handle says that it was cancelled.
    pub(crate) fn spawn<F>(
        self: &Rc<Self>,
        scope: &Rc<ScopeState>,
        name: Name,
        place: &'static Location<'static>,
        future: F,
    ) -> TaskHandle<<F::Output as Outcome>::Value>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        match self.spawn_tagged(scope, name.clone(), place, 0, future) {
            Some(key) => TaskHandle::new(Rc::clone(self), key),
            None => TaskHandle::dead(name),
        }
    }

    /// The same with a number for the scope that collects its children's ends, and without a handle.
    pub(crate) fn spawn_tagged<F>(
        self: &Rc<Self>,
        scope: &Rc<ScopeState>,
        name: Name,
        place: &'static Location<'static>,
        tag: u32,
        future: F,
    ) -> Option<TaskKey>
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        if !scope.takes_children() {
            if self.debug.is_some() {
                self.report(&Report::NeverPolled { name, place });
            }
            return None;
        }
        let watched = self.debug.is_some().then(|| name.clone());
        let future: Pin<Box<dyn AnyTask>> = Box::pin(TaskCell::Running { future });
        let previous = scope.last.get();
        let task = Task {
            future: Some(future),
            name,
            place,
            born: self.now(),
            scope: Some(Rc::clone(scope)),
            previous,
            next: NO_TASK,
            joiner: None,
            wait: Wait::UNKNOWN,
            polled: false,
            tag,
            requested: false,
            aborted: false,
            lone: scope.is_lone(),
            has_handle: true,
            end: None,
            closing: None,
            region: None,
            extra: None,
        };
        let key = {
            let mut tasks = self.tasks.borrow_mut();
            let key = tasks.insert(task, |index| self.new_cell(index));
            if let Some(slot) = tasks.slot_mut(previous)
                && let Some(task) = &mut slot.task
            {
                task.next = key.index;
            }
            scope.link(key.index);
            if let Some(cell) = tasks.cell(key) {
                self.schedule(cell);
            }
            key
        };
        if let (Some(debug), Some(name)) = (&self.debug, watched) {
            debug.introduce(key.index, name, place);
        }
        Some(key)
    }

    /// Asks a task to end: at once where nothing in it needs time, within its grace otherwise.
    pub(crate) fn request_cancel(self: &Rc<Self>, key: TaskKey) {
        let region = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            if task.requested || task.end.is_some() {
                return;
            }
            task.requested = true;
            task.region.clone()
        };
        if let Some(region) = &region {
            self.request_region(region);
        }
        if self.current() == Some(key) {
            return;
        }
        if region.is_none_or(|region| region.can_be_dropped()) {
            self.drop_task(key);
        } else {
            // Its next poll lets the sections see the request and starts the clock of the grace.
            self.wake_key(key);
        }
    }

    /// Asks a region to end, and with it the scopes and sections within it.
    pub(crate) fn request_region(self: &Rc<Self>, region: &Region) {
        region.requested.set(true);
        let (scopes, sections) = self.inside(region, |inner| inner.is_reached_from(region));
        for scope in scopes {
            scope.request(true);
        }
        for section in sections {
            section.wake();
        }
        region.wake();
    }

    /// Drops the children of every scope within a region, the youngest first.
    pub(crate) fn abort_region(self: &Rc<Self>, region: &Region) {
        let (scopes, _) = self.inside(region, |inner| inner.is_inside(region));
        for scope in scopes.iter().rev() {
            scope.abort();
        }
    }

    fn inside(
        &self,
        region: &Region,
        belongs: impl Fn(&Region) -> bool,
    ) -> (Vec<Rc<ScopeState>>, Vec<Rc<Region>>) {
        let tasks = self.tasks.borrow();
        let Some(extra) = tasks.get(region.owner).and_then(|task| task.extra.as_ref()) else {
            return (Vec::new(), Vec::new());
        };
        let scopes = extra.open_scopes.iter();
        let scopes = scopes.filter(|scope| scope.region.as_ref().is_some_and(|inner| belongs(inner)));
        let sections = extra.sections.iter().filter(|inner| belongs(inner));
        (scopes.cloned().collect(), sections.cloned().collect())
    }

    /// Drops a task at its await, its children before it; shields are left to finish.
    pub(crate) fn abort(self: &Rc<Self>, key: TaskKey) {
        let region = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            if task.end.is_some() {
                return;
            }
            task.requested = true;
            task.aborted = true;
            task.region.clone()
        };
        if let Some(region) = region {
            region.requested.set(true);
            self.abort_region(&region);
        }
        if self.current() != Some(key) {
            self.drop_task(key);
        }
    }

    /// Drops the future of a task that is not being polled, and ends it as cancelled.
    pub(crate) fn drop_task(self: &Rc<Self>, key: TaskKey) {
        let (future, unpolled) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            let unpolled = (!task.polled).then(|| (task.name.clone(), task.place));
            (task.future.take(), unpolled)
        };
        let Some(future) = future else { return };
        if let (Some((name, place)), true) = (unpolled, self.debug.is_some()) {
            self.report(&Report::NeverPolled { name, place });
        }
        let end = match self.drop_future(key, future) {
            Some(error) => End::Error(error),
            None => End::Error(Error::cancelled(self.name_of(key))),
        };
        self.ended(key, end);
    }

    /// Drops a future; a panic of its destructors becomes the task's error.
    pub(crate) fn drop_future(&self, key: TaskKey, future: Pin<Box<dyn AnyTask>>) -> Option<Error> {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        dropped.err().map(|payload| Error::panicked(self.name_of(key), &*payload))
    }

    /// Whether a task that has been asked to end has used up its grace. Polls the timer, whose wake
    /// will poll the task again.
    pub(crate) fn grace_is_over(self: &Rc<Self>, key: TaskKey, waker: &Waker) -> bool {
        let (mut timer, region) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return false };
            let grace = task.scope.as_ref().map_or(self.root.grace.get(), |scope| scope.grace.get());
            let region = task.region.clone();
            let timer = task.extra().grace.take();
            (timer.unwrap_or_else(|| Box::pin(tokio::time::sleep(grace))), region)
        };
        if timer.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
            self.report(&Report::GraceExpired(self.name_of(key)));
            if let Some(region) = region {
                self.abort_region(&region);
            }
            return true;
        }
        if let Some(task) = self.tasks.borrow_mut().get_mut(key) {
            task.extra().grace = Some(timer);
        }
        false
    }

    /// The future of a task is gone. The task itself ends when what it left behind has ended too.
    pub(crate) fn ended(self: &Rc<Self>, key: TaskKey, end: End) {
        let left = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            let left = task.open_scopes().to_vec();
            if !left.is_empty() {
                task.closing = Some(end.clone());
            }
            left
        };
        if left.is_empty() {
            return self.finish(key, end);
        }
        for scope in left {
            // Most know it already; not those whose future was forgotten instead of dropped.
            scope.abandon();
        }
    }

    fn finish(self: &Rc<Self>, key: TaskKey, end: End) {
        let (scope, joiner, has_handle, lone, tag, left) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            let (previous, next) = (task.previous, task.next);
            let (scope, joiner) = (task.scope.take(), task.joiner.take());
            let (has_handle, lone, tag) = (task.has_handle, task.lone, task.tag);
            let (region, extra) = (task.region.take(), task.extra.take());
            task.end = Some(end.clone());
            if let Some(task) = tasks.slot_mut(previous).and_then(|slot| slot.task.as_mut()) {
                task.next = next;
            }
            if let Some(task) = tasks.slot_mut(next).and_then(|slot| slot.task.as_mut()) {
                task.previous = previous;
            }
            if let Some(scope) = &scope {
                scope.unlink(key.index, previous, next);
            }
            let removed = if has_handle { None } else { tasks.remove(key) };
            (scope, joiner, has_handle, lone, tag, (region, extra, removed))
        };
        // Labels have destructors of the user's, which may look at the tasks.
        drop(left);
        if let End::Error(error) = end
            && !error.is_cancelled()
        {
            match &scope {
                Some(scope) if !lone => scope.fail(error),
                _ if !has_handle => self.report(&Report::LostError(error)),
                _ => {}
            }
        }
        if let Some(scope) = scope {
            if has_handle {
                scope.collect(tag, key);
            }
            scope.child_ended();
        }
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        // A signal may have ended the main task between two turns: then nobody else wakes the loop,
        // which has to see that it is done.
        self.wake_driver();
    }

    /// Tells a task that one of its scopes has gone; it may have been the last thing it waited for.
    pub(crate) fn scope_gone(self: &Rc<Self>, owner: TaskKey, scope: &Rc<ScopeState>) {
        let end = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(owner) else { return };
            let open = &mut task.extra().open_scopes;
            open.retain(|other| !Rc::ptr_eq(other, scope));
            if open.is_empty() { task.closing.take() } else { None }
        };
        if let Some(end) = end {
            self.finish(owner, end);
        }
    }

    pub(crate) fn add_section(&self, region: &Rc<Region>) {
        if let Some(task) = self.tasks.borrow_mut().get_mut(region.owner) {
            task.extra().sections.push(Rc::clone(region));
        }
    }

    pub(crate) fn remove_section(&self, region: &Rc<Region>) {
        if let Some(task) = self.tasks.borrow_mut().get_mut(region.owner) {
            task.extra().sections.retain(|other| !Rc::ptr_eq(other, region));
        }
    }

    pub(crate) fn name_of(&self, key: TaskKey) -> Name {
        self.tasks.borrow().get(key).map_or(Name::fixed("?"), |task| task.name.clone())
    }

    /// An error as the task's end. [`Cancelled`] handed on with `?` is no failure; nor is, in a task
    /// that has been asked to end, the news that a task which it awaited was cancelled.
    pub(crate) fn failure_of(&self, key: TaskKey, error: BoxError) -> End {
        let name = self.name_of(key);
        let requested = || self.tasks.borrow().get(key).is_some_and(|task| task.requested);
        let cancelled =
            error.is::<Cancelled>() || error.downcast_ref().is_some_and(Error::is_cancelled) && requested();
        End::Error(if cancelled { Error::cancelled(name) } else { Error::failed(name, error) })
    }

    /// The end of a task, once it has one. `value` is an `Option` of the task's value.
    pub(crate) fn poll_join(
        &self,
        key: TaskKey,
        value: &mut dyn std::any::Any,
        cx: &Context<'_>,
    ) -> Poll<Option<Error>> {
        let joiner = Wakeup::of(cx);
        let task = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return Poll::Ready(None) };
            if task.end.is_none() {
                task.joiner = Some(joiner);
                return Poll::Pending;
            }
            tasks.remove(key)
        };
        match task {
            Some(Task { future: Some(mut future), end: Some(End::Value), .. }) => {
                future.as_mut().take_value(value);
                Poll::Ready(None)
            }
            Some(Task { end: Some(End::Error(error)), .. }) => Poll::Ready(Some(error)),
            _ => Poll::Ready(None),
        }
    }

    /// A handle has gone: the task runs on in its scope, its value is dropped when it comes.
    pub(crate) fn handle_dropped(&self, key: TaskKey) {
        let task = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(key) else { return };
            task.has_handle = false;
            if task.end.is_some() { tasks.remove(key) } else { None }
        };
        if let Some(task) = task
            && let (true, Some(End::Error(error))) = (task.lone, &task.end)
            && !error.is_cancelled()
        {
            self.report(&Report::LostError(error.clone()));
        }
    }
}
