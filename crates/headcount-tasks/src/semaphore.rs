//! Permits: so many at once, in the order of asking.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::debug::Named;
use crate::name::Name;
use crate::wait::{Wait, What};
use crate::wait_list::{Ticket, WaitList};

/// A number of permits, handed out in the order of asking. Clones share them. Since a permit is a
/// guard, more can never come back than went out: what CPython calls `BoundedSemaphore`.
#[derive(Clone)]
pub struct Semaphore(Rc<State>);

struct State {
    permits: Cell<usize>,
    /// How many permits each waiter wants.
    waiters: RefCell<WaitList<usize>>,
    named: Named,
}

impl Semaphore {
    /// A semaphore with so many permits. The name is for the task tree.
    #[must_use]
    pub fn new(name: impl Into<Name>, permits: usize) -> Self {
        let waiters = RefCell::new(WaitList::new());
        Self(Rc::new(State { permits: Cell::new(permits), waiters, named: Named::new(name.into()) }))
    }

    /// Waits for a permit, which is given back when the guard is dropped.
    ///
    /// Cancel safety: dropping the future leaves the line; a permit that had just been given to it
    /// goes to the next. Source: `asyncio.Semaphore`.
    pub fn acquire(&self) -> Acquire {
        self.acquire_many(1)
    }

    /// Waits for so many permits at once. More than there are never come.
    ///
    /// Cancel safety: as with [`acquire`](Self::acquire).
    pub fn acquire_many(&self, wanted: usize) -> Acquire {
        Acquire { state: Rc::clone(&self.0), wanted, ticket: None }
    }

    /// A permit if there is one and nobody waits.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        self.0.try_take(1)
    }

    /// Permits that nobody holds.
    #[must_use]
    pub fn available(&self) -> usize {
        self.0.permits.get()
    }

    /// Adds permits for good.
    pub fn add_permits(&self, permits: usize) {
        self.0.give_back(permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish()
    }
}

impl State {
    fn try_take(self: &Rc<Self>, wanted: usize) -> Option<Permit> {
        let left = self.permits.get().checked_sub(wanted)?;
        if !self.waiters.borrow().is_empty() {
            return None;
        }
        self.permits.set(left);
        Some(Permit { state: Rc::clone(self), permits: wanted })
    }

    fn give_back(&self, permits: usize) {
        self.permits.set(self.permits.get() + permits);
        self.serve();
    }

    /// Serves from the front for as long as there is enough for whoever stands there.
    fn serve(&self) {
        loop {
            let wakeup = {
                let mut waiters = self.waiters.borrow_mut();
                let Some(wanted) = waiters.front().copied() else { return };
                let Some(left) = self.permits.get().checked_sub(wanted) else { return };
                self.permits.set(left);
                waiters.serve_front()
            };
            if let Some(wakeup) = wakeup {
                wakeup.wake();
            }
        }
    }
}

/// The future of [`Semaphore::acquire`].
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire {
    state: Rc<State>,
    wanted: usize,
    ticket: Option<Ticket>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let this = &mut *self;
        match &this.ticket {
            None => {
                if let Some(permit) = this.state.try_take(this.wanted) {
                    return Poll::Ready(permit);
                }
                this.ticket = Some(this.state.waiters.borrow_mut().join(cx, this.wanted));
            }
            Some(ticket) => {
                let mut waiters = this.state.waiters.borrow_mut();
                if waiters.is_served(ticket) {
                    waiters.leave(ticket);
                    drop(waiters);
                    this.ticket = None;
                    return Poll::Ready(Permit { state: Rc::clone(&this.state), permits: this.wanted });
                }
                waiters.stay(ticket, cx);
            }
        }
        Wait::note(What::Permit, this.state.named.number());
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let left = self.state.waiters.borrow_mut().leave(&ticket);
            match left {
                Some((true, permits)) => self.state.give_back(permits),
                // Whoever stood behind may want less.
                Some((false, _)) => self.state.serve(),
                None => {}
            }
        }
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("wanted", &self.wanted).finish()
    }
}

/// One permit or several, given back on drop.
#[must_use = "a permit is given back as soon as it is dropped"]
pub struct Permit {
    state: Rc<State>,
    permits: usize,
}

impl Permit {
    /// Takes the permit out of the semaphore for good.
    pub fn forget(mut self) {
        self.permits = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.state.give_back(self.permits);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.permits).finish()
    }
}
