//! Bounded queues between tasks: first in first out, last in first out, or lowest first.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::debug::Named;
use crate::error::Closed;
use crate::item::Item;
use crate::name::Name;
use crate::shelf::Shelf;
use crate::wait::{Wait, Wakeup, What};
use crate::wait_list::{Ticket, WaitList};

/// Gives items in the order in which they were put.
pub type Queue<T> = OrderedQueue<T, VecDeque<T>>;
/// Gives the item that was put last.
pub type LifoQueue<T> = OrderedQueue<T, Vec<T>>;
/// Gives the lowest item.
pub type PriorityQueue<T> = OrderedQueue<T, BinaryHeap<Reverse<T>>>;

/// A bounded queue; see [`Queue`], [`LifoQueue`] and [`PriorityQueue`]. Clones are the same queue.
pub struct OrderedQueue<T, S: Shelf<T>>(Rc<State<T, S>>);

pub(crate) struct State<T, S> {
    capacity: usize,
    inner: RefCell<Inner<T, S>>,
    /// Items put and not yet done.
    unfinished: Cell<usize>,
    named: Named,
}

struct Inner<T, S> {
    shelf: S,
    closed: bool,
    /// Each with the item that it has been given.
    getters: WaitList<Option<T>>,
    /// Each with the item that it still holds.
    putters: WaitList<Option<T>>,
    joiners: WaitList<()>,
}

impl<T, S: Shelf<T>> OrderedQueue<T, S> {
    /// A queue for at most `capacity` items, at least one. The name is for the task tree.
    #[must_use]
    pub fn new(name: impl Into<Name>, capacity: usize) -> Self {
        let inner = Inner {
            shelf: S::default(),
            closed: false,
            getters: WaitList::new(),
            putters: WaitList::new(),
            joiners: WaitList::new(),
        };
        Self(Rc::new(State {
            capacity: capacity.max(1),
            inner: RefCell::new(inner),
            unfinished: Cell::new(0),
            named: Named::new(name.into()),
        }))
    }

    /// Puts an item in, waiting for room; those who wait are served in their order.
    ///
    /// Cancel safety: the item of a dropped future is dropped, unless it had just been let in, in its
    /// turn; then it stays in the queue. Source: `asyncio.Queue.put`.
    ///
    /// # Errors
    /// The queue is closed; the item comes back.
    pub fn put(&self, item: T) -> Put<T, S> {
        Put { state: Rc::clone(&self.0), item: Some(item), ticket: None }
    }

    /// Puts an item in if there is room; room goes first to those who wait for it.
    ///
    /// # Errors
    /// The item, when the queue is full or closed.
    pub fn try_put(&self, item: T) -> Result<(), T> {
        self.0.try_put(item)
    }

    /// Waits for the next item; `None` once the queue is closed and empty.
    ///
    /// Cancel safety: an item that had just been given to a dropped future goes back to the front,
    /// or to the next who waits. Source: `asyncio.Queue.get`.
    pub fn get(&self) -> Get<T, S> {
        Get { state: Rc::clone(&self.0), ticket: None }
    }

    /// The next item if there is one.
    #[must_use]
    pub fn try_get(&self) -> Option<Item<T, S>> {
        self.0.try_take().map(|item| Item::new(&self.0, item))
    }

    /// Waits until every item that was put is done: its [`Item`] dropped.
    ///
    /// Cancel safety: nothing is lost. Source: `asyncio.Queue.join`.
    pub fn join(&self) -> Join<T, S> {
        Join { state: Rc::clone(&self.0), ticket: None }
    }

    /// Takes no more items. What is in the queue is still given out; then, `get` gives `None`.
    /// Source: `asyncio.Queue.shutdown`.
    pub fn close(&self) {
        self.0.close();
    }

    /// Takes no more items, and gives back those that nobody has got, which count as done.
    pub fn close_and_drain(&self) -> Vec<T> {
        self.0.close();
        let left: Vec<T> = std::iter::from_fn(|| self.0.try_take()).collect();
        self.0.finish(left.len());
        left
    }

    /// Items in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.inner.borrow().shelf.count()
    }

    /// No item is in the queue.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// No room is in the queue.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.0.capacity
    }

    /// Items put and not yet done.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.0.unfinished.get()
    }

    /// Whether the queue has been closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.inner.borrow().closed
    }
}

impl<T, S: Shelf<T>> Clone for OrderedQueue<T, S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T, S: Shelf<T>> fmt::Debug for OrderedQueue<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, unfinished) = (self.len(), self.unfinished());
        f.debug_struct("Queue").field("len", &len).field("unfinished", &unfinished).finish()
    }
}

impl<T, S: Shelf<T>> State<T, S> {
    fn try_put(&self, item: T) -> Result<(), T> {
        let getter = {
            let mut inner = self.inner.borrow_mut();
            if inner.closed {
                return Err(item);
            }
            if let Some(given) = inner.getters.front() {
                *given = Some(item);
                inner.getters.serve_front()
            } else if inner.shelf.count() < self.capacity {
                inner.shelf.insert(item);
                None
            } else {
                return Err(item);
            }
        };
        self.unfinished.set(self.unfinished.get() + 1);
        if let Some(getter) = getter {
            getter.wake();
        }
        Ok(())
    }

    /// Takes the next item, and lets the first who waits for room put its own.
    fn try_take(&self) -> Option<T> {
        let (item, putter) = {
            let mut inner = self.inner.borrow_mut();
            let item = inner.shelf.take()?;
            let offered = if inner.closed || inner.shelf.count() >= self.capacity {
                None
            } else {
                inner.putters.front().and_then(Option::take)
            };
            let putter = offered.and_then(|offered| {
                inner.shelf.insert(offered);
                self.unfinished.set(self.unfinished.get() + 1);
                inner.putters.serve_front()
            });
            (item, putter)
        };
        if let Some(putter) = putter {
            putter.wake();
        }
        Some(item)
    }

    /// An item that was given to somebody who has gone.
    fn take_back(&self, item: T) {
        let getter = {
            let mut inner = self.inner.borrow_mut();
            match inner.getters.front() {
                Some(given) => {
                    *given = Some(item);
                    inner.getters.serve_front()
                }
                None => {
                    inner.shelf.put_back(item);
                    None
                }
            }
        };
        if let Some(getter) = getter {
            getter.wake();
        }
    }

    fn close(&self) {
        let mut woken: Vec<Wakeup> = Vec::new();
        {
            let mut inner = self.inner.borrow_mut();
            inner.closed = true;
            woken.extend(inner.getters.wake_all());
            woken.extend(inner.putters.wake_all());
        }
        woken.into_iter().for_each(Wakeup::wake);
    }

    pub(crate) fn finish(&self, items: usize) {
        self.unfinished.set(self.unfinished.get() - items);
        if self.unfinished.get() == 0 {
            let joiners = self.inner.borrow_mut().joiners.serve_all();
            joiners.into_iter().for_each(Wakeup::wake);
        }
    }
}

/// The future of [`OrderedQueue::put`].
#[must_use = "futures do nothing unless awaited"]
pub struct Put<T, S: Shelf<T>> {
    state: Rc<State<T, S>>,
    item: Option<T>,
    ticket: Option<Ticket>,
}

/// Nothing in it is pinned.
impl<T, S: Shelf<T>> Unpin for Put<T, S> {}

impl<T, S: Shelf<T>> Future for Put<T, S> {
    type Output = Result<(), Closed<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(item) = this.item.take() {
            let Err(item) = this.state.try_put(item) else { return Poll::Ready(Ok(())) };
            let mut inner = this.state.inner.borrow_mut();
            if inner.closed {
                return Poll::Ready(Err(Closed(item)));
            }
            this.ticket = Some(inner.putters.join(cx, Some(item)));
        } else if let Some(ticket) = &this.ticket {
            let mut inner = this.state.inner.borrow_mut();
            if inner.closed || inner.putters.is_served(ticket) {
                let left = inner.putters.leave(ticket);
                this.ticket = None;
                return Poll::Ready(match left {
                    Some((false, Some(item))) => Err(Closed(item)),
                    _ => Ok(()),
                });
            }
            inner.putters.stay(ticket, cx);
        }
        Wait::note(What::QueuePut, this.state.named.number());
        Poll::Pending
    }
}

impl<T, S: Shelf<T>> Drop for Put<T, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let left = self.state.inner.borrow_mut().putters.leave(&ticket);
            drop(left);
        }
    }
}

/// The future of [`OrderedQueue::get`].
#[must_use = "futures do nothing unless awaited"]
pub struct Get<T, S: Shelf<T>> {
    state: Rc<State<T, S>>,
    ticket: Option<Ticket>,
}

impl<T, S: Shelf<T>> Future for Get<T, S> {
    type Output = Option<Item<T, S>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match &this.ticket {
            None => {
                if let Some(item) = this.state.try_take() {
                    return Poll::Ready(Some(Item::new(&this.state, item)));
                }
                let mut inner = this.state.inner.borrow_mut();
                if inner.closed {
                    return Poll::Ready(None);
                }
                this.ticket = Some(inner.getters.join(cx, None));
            }
            Some(ticket) => {
                let mut inner = this.state.inner.borrow_mut();
                if inner.closed || inner.getters.is_served(ticket) {
                    let given = inner.getters.leave(ticket).and_then(|(_, given)| given);
                    this.ticket = None;
                    drop(inner);
                    let given = given.or_else(|| this.state.try_take());
                    return Poll::Ready(given.map(|item| Item::new(&this.state, item)));
                }
                inner.getters.stay(ticket, cx);
            }
        }
        Wait::note(What::QueueGet, this.state.named.number());
        Poll::Pending
    }
}

impl<T, S: Shelf<T>> Drop for Get<T, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let left = self.state.inner.borrow_mut().getters.leave(&ticket);
            if let Some((_, Some(item))) = left {
                self.state.take_back(item);
            }
        }
    }
}

/// The future of [`OrderedQueue::join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<T, S: Shelf<T>> {
    state: Rc<State<T, S>>,
    ticket: Option<Ticket>,
}

impl<T, S: Shelf<T>> Future for Join<T, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut inner = this.state.inner.borrow_mut();
        match &this.ticket {
            None if this.state.unfinished.get() == 0 => return Poll::Ready(()),
            None => this.ticket = Some(inner.joiners.join(cx, ())),
            // There was a moment with nothing to do, even if new items have come since.
            Some(ticket) if inner.joiners.is_served(ticket) => {
                inner.joiners.leave(ticket);
                this.ticket = None;
                return Poll::Ready(());
            }
            Some(ticket) => inner.joiners.stay(ticket, cx),
        }
        Wait::note(What::QueueJoin, this.state.named.number());
        Poll::Pending
    }
}

impl<T, S: Shelf<T>> Drop for Join<T, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.state.inner.borrow_mut().joiners.leave(&ticket);
        }
    }
}
