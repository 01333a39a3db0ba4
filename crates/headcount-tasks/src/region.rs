//! Regions: the parts of a task that can be asked to end on their own. A task is one; so is the
//! body of a scope, the work under a deadline, and a section that wants to clean up.
//!
//! A region without guards is ended by dropping it at its await. Guards (open scopes, sections of
//! `until_cancelled`, shields) are what takes time: while there are some, the region is polled on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::Cancelled;
use crate::event_loop::Loop;
use crate::task::TaskKey;
use crate::wait::Wakeup;

pub(crate) struct Region {
    parent: Option<Rc<Region>>,
    pub(crate) owner: TaskKey,
    pub(crate) requested: Cell<bool>,
    /// A section inside has been told of the request, and cleans up.
    pub(crate) delivered: Cell<bool>,
    /// Begun during a cleanup: the request that led to the cleanup does not reach in here.
    sheltered: bool,
    guards: Cell<u32>,
    /// Whom to wake when a request comes or the last guard goes.
    pub(crate) wakeup: RefCell<Option<Wakeup>>,
}

impl Region {
    pub(crate) fn new(parent: Option<Rc<Region>>, owner: TaskKey) -> Rc<Self> {
        let sheltered = parent.as_ref().is_some_and(|parent| parent.cleans_up());
        Rc::new(Self {
            parent,
            owner,
            requested: Cell::new(false),
            delivered: Cell::new(false),
            sheltered,
            guards: Cell::new(0),
            wakeup: RefCell::new(None),
        })
    }

    /// A region inside the current one; none where no task runs.
    pub(crate) fn inside_current() -> Option<Rc<Self>> {
        let parent = Loop::with(Loop::current_region).flatten()?;
        let owner = parent.owner;
        Some(Self::new(Some(parent), owner))
    }

    fn chain(&self) -> impl Iterator<Item = &Region> {
        std::iter::successors(Some(self), |region| region.parent.as_deref())
    }

    /// Whether this region, or one around it that reaches in here, has been asked to end.
    pub(crate) fn is_requested(&self) -> bool {
        for region in self.chain() {
            if region.requested.get() {
                return true;
            }
            if region.sheltered {
                return false;
            }
        }
        false
    }

    fn cleans_up(&self) -> bool {
        self.chain().any(|region| region.delivered.get())
    }

    /// Whether a request to `outer` reaches this region.
    pub(crate) fn is_reached_from(&self, outer: &Region) -> bool {
        for region in self.chain() {
            if std::ptr::eq(region, outer) {
                return true;
            }
            if region.sheltered {
                return false;
            }
        }
        false
    }

    pub(crate) fn is_inside(&self, outer: &Region) -> bool {
        self.chain().any(|region| std::ptr::eq(region, outer))
    }

    pub(crate) fn has_guards(&self) -> bool {
        self.guards.get() > 0
    }

    /// Nothing inside needs time: the region can be dropped at its await.
    pub(crate) fn can_be_dropped(&self) -> bool {
        self.guards.get() == 0 && !self.delivered.get()
    }

    pub(crate) fn add_guard(&self) {
        for region in self.chain() {
            region.guards.set(region.guards.get() + 1);
        }
    }

    pub(crate) fn remove_guard(&self) {
        for region in self.chain() {
            region.guards.set(region.guards.get() - 1);
            if region.guards.get() == 0 {
                region.wake();
            }
        }
    }

    pub(crate) fn wake(&self) {
        let wakeup = self.wakeup.borrow_mut().take();
        if let Some(wakeup) = wakeup {
            wakeup.wake();
        }
    }

    pub(crate) fn wait(&self, cx: &Context<'_>) {
        *self.wakeup.borrow_mut() = Some(Wakeup::of(cx));
    }

    /// Tells every region that is asked to end, from here outwards, that its code knows.
    pub(crate) fn deliver(&self) {
        let requested = self.chain().filter(|region| region.requested.get()).count();
        let mut seen = 0;
        for region in self.chain() {
            region.delivered.set(true);
            seen += usize::from(region.requested.get());
            if seen == requested || region.sheltered {
                break;
            }
        }
    }

    /// Runs `poll` with this region as the current one.
    pub(crate) fn enter<R>(self: &Rc<Self>, poll: impl FnOnce() -> R) -> R {
        struct Restore(Option<Rc<Region>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let outer = self.0.take();
                Loop::with(|event_loop| event_loop.swap_region(outer));
            }
        }
        let outer = Loop::with(|event_loop| event_loop.swap_region(Some(Rc::clone(self)))).flatten();
        let _restore = Restore(outer);
        poll()
    }
}

/// Runs `future` until it is done or its task, scope or deadline asks it to end. In that case it is
/// dropped at its await (once whatever needs time in it has ended) and `Err(Cancelled)` says so:
/// what follows is the cleaning up, with awaits of its own, for as long as the grace lasts.
///
/// The news comes once. Code that goes on regardless is dropped when the grace is over, and named.
/// Return the error with `?` to end as cancelled.
///
/// Cancel safety: dropping it drops `future`. Source: CPython's `CancelledError`, Trio's `Cancelled`.
///
/// # Errors
/// [`Cancelled`] when the task has been asked to end.
pub fn until_cancelled<F: Future>(future: F) -> UntilCancelled<F> {
    UntilCancelled { future: Some(future), section: None }
}

pin_project! {
    /// The future of [`until_cancelled`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct UntilCancelled<F> {
        #[pin]
        future: Option<F>,
        section: Option<Section>,
    }
}

/// A section's entry in its task; leaving it takes it out, however that happens.
struct Section {
    region: Rc<Region>,
    /// Entered on creation, left on drop: the region around it is guarded meanwhile.
    around: Rc<Region>,
}

impl Section {
    fn enter() -> Option<Self> {
        let around = Loop::with(Loop::current_region).flatten()?;
        let region = Region::new(Some(Rc::clone(&around)), around.owner);
        around.add_guard();
        Loop::with(|event_loop| event_loop.add_section(&region));
        Some(Self { region, around })
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        Loop::with(|event_loop| event_loop.remove_section(&self.region));
        self.around.remove_guard();
    }
}

impl<F: Future> Future for UntilCancelled<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.section.is_none() {
            *this.section = Section::enter();
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let Some(section) = this.section.as_ref() else {
            // Outside any loop nothing can ask it to end.
            return future.poll(cx).map(Ok);
        };
        let region = Rc::clone(&section.region);
        if let Poll::Ready(output) = region.enter(|| future.poll(cx)) {
            this.future.set(None);
            *this.section = None;
            return Poll::Ready(Ok(output));
        }
        if region.is_requested() && !region.delivered.get() && !region.has_guards() {
            region.enter(|| this.future.set(None));
        }
        if this.future.is_none() && !region.has_guards() {
            region.deliver();
            *this.section = None;
            return Poll::Ready(Err(Cancelled));
        }
        region.wait(cx);
        Poll::Pending
    }
}
