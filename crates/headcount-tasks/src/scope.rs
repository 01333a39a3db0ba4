//! Scopes: the block that a task's children live in and never outlive.

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
use crate::report::Report;
use crate::scope_state::{Kind, Open, ScopeState};
use crate::wait::{Wait, Wakeup, What};

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
        self.0.live()
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
        if future.is_some() || state.live() > 0 {
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
        if state.returns_to_nobody() {
            value = None;
        }
        Poll::Ready(())
    })
    .await;
    let failures = state.take_failures();
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
    let drop_body = |mut future: Pin<&mut Option<_>>| {
        let dropped = catch_unwind(AssertUnwindSafe(|| region.enter(|| future.set(None))));
        if let Err(payload) = dropped {
            state.fail(Error::panicked(name(), &*payload));
        }
    };
    if state.is_requested() && region.can_be_dropped() {
        // Like a task, a body that has been asked to end does not go on from its await.
        return drop_body(future);
    }
    let polled = catch_unwind(AssertUnwindSafe(|| {
        region.enter(|| future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx)))
    }));
    match polled {
        Ok(Poll::Ready(output)) => {
            drop_body(future);
            match output.into_result() {
                Ok(output) => *value = Some(output),
                Err(error) if error.is::<Cancelled>() => {}
                // What the body met in a child's handle is told already.
                Err(error) if error.downcast_ref().is_some_and(|error| state.has_told(error)) => {}
                Err(error) => state.fail(Error::failed(name(), error)),
            }
        }
        Ok(Poll::Pending) => {
            if !state.is_requested() && region.is_requested() {
                // Opened in a task that had already been asked to end.
                state.request(true);
            }
            if !region.is_requested() {
                return;
            }
            // What it left behind wakes it when it has ended.
            region.wait(cx);
            if region.can_be_dropped() {
                drop_body(future);
            } else if region.requested.get() && !state.returns_to_nobody() {
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
