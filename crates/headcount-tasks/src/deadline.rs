//! Sleeping, and deadlines: work that is asked to end when its time is up, and waited for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::event_loop::Loop;
use crate::name::Name;
use crate::region::Region;
use crate::report::Report;
use crate::wait::{Wait, Wakeup, What};
use crate::wait_list::{Ticket, WaitList};

/// Waits for `duration` on the loop's clock.
///
/// Cancel safety: nothing is lost. Source: `asyncio.sleep`.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { timer: tokio::time::sleep(duration) }
}

/// Waits until `instant` on the loop's clock.
///
/// Cancel safety: nothing is lost.
pub fn sleep_until(instant: Instant) -> Sleep {
    Sleep { timer: tokio::time::sleep_until(instant) }
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Sleep {
        #[pin]
        timer: tokio::time::Sleep,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.project().timer.poll(cx);
        if polled.is_pending() {
            Wait::note(What::Sleep, 0);
        }
        polled
    }
}

/// A deadline's time was up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elapsed {
    deadline: Option<Name>,
}

impl Elapsed {
    /// The name of the deadline that fired, if it was given one.
    #[must_use]
    pub fn deadline(&self) -> Option<&Name> {
        self.deadline.as_ref()
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.deadline {
            Some(name) => write!(f, "the deadline `{name}` has passed"),
            None => f.write_str("the deadline has passed"),
        }
    }
}

impl std::error::Error for Elapsed {}

/// A deadline that can be moved while work runs under it. Clones move the same deadline.
#[derive(Clone)]
pub struct Deadline(Rc<DeadlineState>);

struct DeadlineState {
    name: Name,
    at: Cell<Option<Instant>>,
    /// The pieces of work under it.
    works: RefCell<WaitList<()>>,
}

impl Deadline {
    /// A deadline `duration` from now.
    #[must_use]
    pub fn after(name: impl Into<Name>, duration: Duration) -> Self {
        Self::at(name, Instant::now().checked_add(duration))
    }

    /// A deadline at `instant`; `None` for one that is not set yet.
    #[must_use]
    pub fn at(name: impl Into<Name>, instant: Option<Instant>) -> Self {
        let (at, works) = (Cell::new(instant), RefCell::new(WaitList::new()));
        Self(Rc::new(DeadlineState { name: name.into(), at, works }))
    }

    /// When it fires.
    #[must_use]
    pub fn when(&self) -> Option<Instant> {
        self.0.at.get()
    }

    /// Moves the deadline, also while work runs under it; `None` lifts it. One that has fired stays
    /// fired. Source: `asyncio.Timeout.reschedule`.
    pub fn reschedule(&self, instant: Option<Instant>) {
        self.0.at.set(instant);
        let works = self.0.works.borrow_mut().wake_all();
        works.into_iter().for_each(Wakeup::wake);
    }

    /// Runs `work` under this deadline, as [`timeout`] does.
    ///
    /// Cancel safety: dropping it drops `work`.
    ///
    /// # Errors
    /// [`Elapsed`], with this deadline's name, when it fired before the work was done.
    pub fn run<F: Future>(&self, work: F) -> Timeout<F> {
        let timer = tokio::time::sleep_until(self.when().unwrap_or_else(far_future));
        Timeout::new(timer, work, Some(Follower { deadline: self.clone(), ticket: None }))
    }
}

/// A piece of work's place among those that hear when their deadline moves.
struct Follower {
    deadline: Deadline,
    ticket: Option<Ticket>,
}

impl Follower {
    /// Sets the timer to when the deadline is now, and polls it.
    fn poll(&mut self, mut timer: Pin<&mut tokio::time::Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        let mut works = self.deadline.0.works.borrow_mut();
        match &self.ticket {
            Some(ticket) => works.stay(ticket, cx),
            None => self.ticket = Some(works.join(cx, ())),
        }
        let Some(at) = self.deadline.when() else { return Poll::Pending };
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.poll(cx)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.deadline.0.works.borrow_mut().leave(&ticket);
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("name", &self.0.name).field("when", &self.when()).finish()
    }
}

/// About thirty years, as tokio has it: a date that no timer overflows on.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365 * 30)
}

/// Runs `work`, but no longer than `duration`. When the time is up, the work is asked to end and
/// waited for, children and all; it may clean up within its grace. Work that finishes in spite of
/// the request gives its value. Deadlines nest: the tighter one fires first, and returns here.
///
/// Cancel safety: dropping it drops `work`. Source: `asyncio.timeout`, Trio's `move_on_after`.
///
/// # Errors
/// [`Elapsed`] when the time was up first.
pub fn timeout<F: Future>(duration: Duration, work: F) -> Timeout<F> {
    Timeout::new(tokio::time::sleep(duration), work, None)
}

/// Runs `work` as [`timeout`] does, but until `instant`.
///
/// Cancel safety: dropping it drops `work`. Source: `asyncio.timeout_at`.
///
/// # Errors
/// [`Elapsed`] when the time was up first.
pub fn timeout_at<F: Future>(instant: Instant, work: F) -> Timeout<F> {
    Timeout::new(tokio::time::sleep_until(instant), work, None)
}

pin_project! {
    /// The future of [`timeout`], [`timeout_at`] and [`Deadline::run`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        work: Option<F>,
        #[pin]
        timer: tokio::time::Sleep,
        grace: Option<Pin<Box<tokio::time::Sleep>>>,
        region: Option<Rc<Region>>,
        deadline: Option<Follower>,
        fired: bool,
    }
}

impl<F> Timeout<F> {
    fn new(timer: tokio::time::Sleep, work: F, deadline: Option<Follower>) -> Self {
        Self { work: Some(work), timer, grace: None, region: None, deadline, fired: false }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.region.is_none() {
            *this.region = Region::inside_current();
        }
        let region = this.region.as_ref();
        let within = |poll: &mut dyn FnMut() -> Poll<F::Output>| match region {
            Some(region) => region.enter(poll),
            None => poll(),
        };
        let mut poll_work = |cx: &mut Context<'_>| match this.work.as_mut().as_pin_mut() {
            Some(work) => {
                let mut work = work;
                within(&mut || work.as_mut().poll(cx))
            }
            None => Poll::Pending,
        };
        if let Poll::Ready(output) = poll_work(cx) {
            this.work.set(None);
            return Poll::Ready(Ok(output));
        }
        if !*this.fired {
            let timer = this.timer.as_mut();
            let fires = match this.deadline {
                Some(deadline) => deadline.poll(timer, cx),
                None => timer.poll(cx),
            };
            if fires.is_pending() {
                return Poll::Pending;
            }
            *this.fired = true;
            if let Some(region) = region
                && region.has_guards()
            {
                Loop::with(|event_loop| event_loop.request_region(region));
                // Lets what cleans up see the request now; it may even be done with it.
                if let Poll::Ready(output) = poll_work(cx) {
                    this.work.set(None);
                    return Poll::Ready(Ok(output));
                }
            }
        }
        let mut drop_work = || match region {
            Some(region) => region.enter(|| this.work.set(None)),
            None => this.work.set(None),
        };
        let Some(region) = region else {
            drop_work();
            return Poll::Ready(Err(Elapsed { deadline: name_of(this.deadline.as_ref()) }));
        };
        if region.can_be_dropped() {
            drop_work();
        } else if this.work.is_some() {
            let grace = this.grace.get_or_insert_with(|| Box::pin(tokio::time::sleep(grace_here())));
            if grace.as_mut().poll(cx).is_ready() {
                Loop::with(|event_loop| {
                    event_loop.report(&Report::GraceExpired(event_loop.name_of(region.owner)));
                    event_loop.abort_region(region);
                });
                region.enter(|| this.work.set(None));
            }
        }
        if this.work.is_none() && !region.has_guards() {
            return Poll::Ready(Err(Elapsed { deadline: name_of(this.deadline.as_ref()) }));
        }
        region.wait(cx);
        Poll::Pending
    }
}

fn name_of(follower: Option<&Follower>) -> Option<Name> {
    follower.map(|follower| follower.deadline.0.name.clone())
}

/// The grace of the current task.
fn grace_here() -> Duration {
    let grace = Loop::with(|event_loop| {
        let tasks = event_loop.tasks.borrow();
        let scope = event_loop.current().and_then(|key| tasks.get(key)?.scope.clone());
        scope.map_or(event_loop.root.grace.get(), |scope| scope.grace.get())
    });
    grace.unwrap_or_default()
}
